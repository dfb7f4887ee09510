"""A tenant's upstreams: where its models come from. Keys and headers are sealed under a server key."""

import secrets

from django.db import models

from tenants.models import Tenant, TenantQuerySet


def new_origin() -> str:
    """A name for "what was sealed there": told to clients, so it says nothing of the address."""
    return secrets.token_hex(6)


class Provider(models.Model):
    """One upstream of a tenant, under a name that is the tenant's own."""

    class Kind(models.TextChoices):
        DEMO = "demo", "Offline demo"
        DEFAULT = "default", "This server's default"
        RESPONSES = "responses", "A Responses API"
        BEDROCK = "bedrock", "Amazon Bedrock"
        IDENTITY = "identity", "A Responses API, without a key"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="providers")
    name = models.CharField(max_length=80, default="default")
    position = models.PositiveIntegerField(default=0)  # in which order they are asked where no route says
    enabled = models.BooleanField(default=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    base_url = models.CharField(max_length=500, blank=True)
    model = models.CharField(max_length=200, blank=True)  # for requests that name none; as clients name it
    names = models.JSONField(default=dict)  # clients' names of models -> the upstream's
    only_mapped = models.BooleanField(default=False)  # a name that is not in `names` is not this upstream's
    # A key; for `identity` the settings of the exchange (see chat/providers/identity.py).
    sealed_key = models.BinaryField(null=True)
    sealed_headers = models.BinaryField(null=True)
    connect_seconds = models.FloatField(default=10.0)
    first_byte_seconds = models.FloatField(default=300.0)
    gap_seconds = models.FloatField(default=300.0)
    whole_seconds = models.FloatField(null=True)  # none: as long as the turn may take
    # Typed by the operator on the command line, who may name a private address; a tenant may not.
    by_operator = models.BooleanField(default=False)
    origin = models.CharField(max_length=12, default=new_origin)  # new with each address: who can open what it sealed
    version = models.PositiveIntegerField(default=1)  # raised at each change; a client pool is keyed by it
    changed_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet["Provider"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="provider_name_once"),)

    def __str__(self) -> str:
        return f"{self.name} of {self.tenant_id}"
