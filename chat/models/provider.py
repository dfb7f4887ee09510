"""A tenant's upstream: where the model comes from. Key and headers are sealed under a server key."""

from django.db import models

from tenants.models import Tenant, TenantQuerySet


class Provider(models.Model):
    class Kind(models.TextChoices):
        DEMO = "demo", "Offline demo"
        DEFAULT = "default", "This server's default"
        RESPONSES = "responses", "A Responses API"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="providers")
    name = models.CharField(max_length=80, default="default")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    base_url = models.CharField(max_length=500, blank=True)
    model = models.CharField(max_length=200, blank=True)
    sealed_key = models.BinaryField(null=True)
    sealed_headers = models.BinaryField(null=True)
    # Typed by the operator on the command line, who may name a private address; a tenant may not.
    by_operator = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)  # raised at each change; a client pool is keyed by it
    changed_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet["Provider"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="provider_name_once"),)

    def __str__(self) -> str:
        return f"{self.name} of {self.tenant_id}"
