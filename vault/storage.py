"""An entry's row between the database and `vault.row`."""

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from deny_web.prepared import Query
from tenants.models import Tenant
from vault import outer, row
from vault.errors import Busy
from vault.header import Compartment
from vault.models import VaultEntry
from vault.row import Place, Value

_FOUND = Query(lambda tenant, label: VaultEntry.objects.for_tenant(tenant).filter(label=label), uuid.UUID, str)


def find(tenant: Tenant | uuid.UUID, label: str) -> VaultEntry | None:
    found: VaultEntry | None = _FOUND.first(tenant.pk if isinstance(tenant, Tenant) else tenant, label)
    return found


def create(
    tenant: Tenant,
    label: str,
    band: int,
    *,
    vault_id: bytes,
    at: datetime,
    own: tuple[Compartment, Value] | None = None,
) -> bool:
    """A new row of noise, or with one compartment's value; False when the label exists."""
    entry = VaultEntry(id=uuid.uuid4(), tenant=tenant, label=label, band=band, changed_at=at)
    slots = row.blank(band)
    if own is not None:
        slots = row.write(slots, _place(entry, vault_id), *own)
    entry.sealed = outer.seal(slots, vault_id, entry.id.bytes)
    try:
        with transaction.atomic():
            entry.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def read(entry: VaultEntry, vault_id: bytes, owner: Compartment) -> Value | None:
    """The owner's value, or None.

    Raises:
        Damaged: the outer layer failed.
    """
    return row.read(slots_of(entry, vault_id), _place(entry, vault_id), owner)


def write(entry: VaultEntry, vault_id: bytes, owner: Compartment, value: Value | None, *, at: datetime) -> None:
    """Write the owner's slot, or empty it for None.

    Raises:
        Busy: the row changed since it was read; Damaged; InvalidValue: over the band.
    """
    slots = row.write(slots_of(entry, vault_id), _place(entry, vault_id), owner, value)
    replace(entry, slots, vault_id, at=at)


def replace(entry: VaultEntry, slots: bytes, vault_id: bytes, *, at: datetime) -> None:
    """Store new slots over the version that was read, and no other: a write in between is never reverted.

    Raises:
        Busy: the row changed since it was read.
    """
    sealed = outer.seal(slots, vault_id, entry.id.bytes)
    same = VaultEntry.objects.for_tenant(entry.tenant_id).filter(pk=entry.pk, version=entry.version)
    if not same.update(sealed=sealed, version=F("version") + 1, changed_at=at):
        raise Busy


def resealed(entry: VaultEntry, vault_id: bytes, old: Compartment, new: Compartment) -> bytes:
    """The slots with the value of `old` written anew under `new`, which owns the same slot.

    Raises:
        Damaged: the outer layer failed.
    """
    place, slots = _place(entry, vault_id), slots_of(entry, vault_id)
    return row.write(slots, place, new, row.read(slots, place, old))


def emptied(entry: VaultEntry, vault_id: bytes, owner: Compartment) -> bytes:
    """The slots with the owner's filled with fresh noise.

    Raises:
        Damaged: the outer layer failed.
    """
    return row.write(slots_of(entry, vault_id), _place(entry, vault_id), owner, None)


def slots_of(entry: VaultEntry, vault_id: bytes) -> bytes:
    return outer.open_row(entry.sealed, vault_id, entry.id.bytes)


def _place(entry: VaultEntry, vault_id: bytes) -> Place:
    return Place(vault_id, entry.id.bytes, entry.band)
