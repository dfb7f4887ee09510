"""The columns under a server key, this app's and those below, with what each row is bound to, for `vault.rewrap`."""

from functools import partial

from tenants.models import WebhookEndpoint
from tenants.webhooks import sealing
from vault import rewrap
from vault.denysh import items, server
from vault.models import DenyServer, Honeytoken, SealedItem, VaultEntry, VaultHeader, VaultStage, VaultStagedRow
from vault.tripwires import planted


def register() -> None:
    rewrap.register_rows(VaultHeader, "tenant", lambda row: bytes(row.vault_id))
    rewrap.register_rows(VaultEntry, "tenant", lambda row: row.pk.bytes)
    rewrap.register_rows(VaultStage, "tenant", lambda row: row.pk.bytes + bytes(row.tenant.vault_header.vault_id))
    rewrap.register_rows(VaultStagedRow, "stage__tenant", lambda row: row.stage_id.bytes + row.entry_id.bytes)
    rewrap.register_field(SealedItem, "sealed", items.purpose)
    rewrap.register_field(DenyServer, "sealed", server.purpose)
    rewrap.register_field(Honeytoken, "sealed_value", planted.purpose)
    for column in sealing.COLUMNS:
        rewrap.register_field(WebhookEndpoint, column, partial(sealing.purpose, column))
