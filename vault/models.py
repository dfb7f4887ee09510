"""What the vault keeps: one header and its entries, each one opaque row. See `vault.header` and `vault.row`.

Beside them, for clients of deny.sh: items that they sealed themselves, and a deny.sh server that tools may use instead.
"""

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


class VaultStage(models.Model):
    """A change of passwords that is under way or was interrupted, one a workspace: see `vault.staging`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.OneToOneField(Tenant, models.CASCADE, related_name="vault_stage")
    runner = models.UUIDField()  # whoever goes on with it; a later one takes over by compare-and-set
    header_version = models.PositiveBigIntegerField()
    sealed = models.BinaryField()
    began_at = models.DateTimeField()
    touched_at = models.DateTimeField()

    objects = TenantQuerySet["VaultStage"].as_manager()

    def __str__(self) -> str:
        return f"stage of {self.tenant_id}"


class VaultStagedRow(models.Model):
    """An entry as it shall be after the change."""

    stage = models.ForeignKey(VaultStage, models.CASCADE, related_name="rows")
    entry = models.ForeignKey(VaultEntry, models.CASCADE, related_name="staged")
    entry_version = models.PositiveBigIntegerField()  # of the entry that it was made from
    sealed = models.BinaryField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("stage", "entry"), name="vault_staged_once"),)

    def __str__(self) -> str:
        return f"{self.entry_id} in {self.stage_id}"


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
