"""What the vault keeps: one header and its entries, each one opaque row. See `vault.header` and `vault.row`."""

import uuid

from django.db import models

from tenants.models import Tenant, TenantQuerySet


class VaultHeader(models.Model):
    tenant = models.OneToOneField(Tenant, models.CASCADE, primary_key=True, related_name="vault_header")
    vault_id = models.BinaryField(max_length=16)
    salt = models.BinaryField(max_length=32)
    sealed = models.BinaryField()
    version = models.PositiveBigIntegerField(default=1)
    # A person unlocked or locked by hand: the environment's password stays unused until `unlock --unattended`.
    unattended_latched = models.BooleanField(default=False)
    # Raised by every unlocking and locking of a person's; a lease of an earlier one serves nothing.
    lease_generation = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["VaultHeader"].as_manager()

    def __str__(self) -> str:
        return f"vault of {self.tenant_id}"


class VaultEntry(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="vault_entries")
    label = models.CharField(max_length=200)
    band = models.PositiveIntegerField()
    sealed = models.BinaryField()
    version = models.PositiveBigIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField()

    objects = TenantQuerySet["VaultEntry"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("tenant", "label"), name="vault_entry_label_once"),
            models.CheckConstraint(condition=models.Q(band__in=(1024, 4096, 16384)), name="vault_entry_band_known"),
        )

    def __str__(self) -> str:
        return f"{self.label} of {self.tenant_id}"
