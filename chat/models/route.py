"""Which upstreams answer which models: a tenant's routes in order, and the version that caches go by."""

from django.db import models

from chat.models.provider import Provider
from tenants.models import Tenant, TenantQuerySet


class Route(models.Model):
    """The first route whose pattern fits a model's name decides; its upstreams are asked in their order."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="model_routes")
    position = models.PositiveIntegerField()
    pattern = models.CharField(max_length=200)  # as of `fnmatch`: gpt-*, openai/*, *

    objects = TenantQuerySet["Route"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "pattern"), name="route_pattern_once"),)

    def __str__(self) -> str:
        return f"{self.pattern} of {self.tenant_id}"


class RouteStep(models.Model):
    """One upstream of a route."""

    route = models.ForeignKey(Route, models.CASCADE, related_name="steps")
    provider = models.ForeignKey(Provider, models.CASCADE, related_name="route_steps")
    position = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("route", "provider"), name="route_step_once"),)

    def __str__(self) -> str:
        return f"{self.route_id}.{self.position}"


class RouteTable(models.Model):
    """The version of a tenant's upstreams and routes together: what a turn asks for before it uses its cache."""

    tenant = models.OneToOneField(Tenant, models.CASCADE, primary_key=True, related_name="+")
    version = models.PositiveBigIntegerField(default=0)

    objects = TenantQuerySet["RouteTable"].as_manager()

    def __str__(self) -> str:
        return f"{self.tenant_id} at {self.version}"
