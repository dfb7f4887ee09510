"""For clients of deny.sh: items that they sealed themselves, and a deny.sh server that tools may use instead."""

import uuid

from django.db import models

from tenants.models import Tenant, TenantQuerySet


class SealedItem(models.Model):
    """A client's own ciphertext, kept for it as deny.sh does: see `vault.denysh.items`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="sealed_items")
    label = models.CharField(max_length=200)  # not unique: clients take the newest
    category = models.CharField(max_length=60, blank=True)
    size = models.PositiveIntegerField()  # of the ciphertext, in bytes
    sealed = models.BinaryField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = TenantQuerySet["SealedItem"].as_manager()

    class Meta:
        indexes = (models.Index(fields=("tenant", "-created_at"), name="sealed_item_newest"),)

    def __str__(self) -> str:
        return f"{self.label} of {self.tenant_id}"


class DenyServer(models.Model):
    """The deny.sh server that a workspace's tools take their credentials from: see `vault.denysh.remote`."""

    tenant = models.OneToOneField(Tenant, models.CASCADE, primary_key=True, related_name="deny_server")
    base_url = models.CharField(max_length=500)
    sealed = models.BinaryField()  # the key and the password, under a server key
    # Typed by the operator on the command line, who may name a private address; a tenant may not.
    by_operator = models.BooleanField(default=False)
    changed_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet["DenyServer"].as_manager()

    def __str__(self) -> str:
        return f"deny.sh server of {self.tenant_id}"
