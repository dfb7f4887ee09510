"""What the vault's room keeps: the vault itself, what deny.sh's clients sealed, and honeytokens with their alerts."""

from vault.models.denysh import DenyServer, SealedItem
from vault.models.stage import VaultStage, VaultStagedRow
from vault.models.tripwire import Honeytoken, Sighting
from vault.models.vault import VaultEntry, VaultHeader

__all__ = [
    "DenyServer",
    "Honeytoken",
    "SealedItem",
    "Sighting",
    "VaultEntry",
    "VaultHeader",
    "VaultStage",
    "VaultStagedRow",
]
