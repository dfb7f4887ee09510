"""A change of passwords that is under way: see `vault.staging`."""

import uuid

from django.db import models

from tenants.models import Tenant, TenantQuerySet
from vault.models.vault import VaultEntry


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
