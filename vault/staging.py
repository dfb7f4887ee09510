"""The stage of a change of passwords: the rows as they shall be, beside the rows as they are, until one swap.

    SK     = HKDF-SHA256(key of the new password, salt=stage_id, info="deny-web/v1/stage"‖vault_id)
    staged = outer layer over slot(SK, "deny-web/v1/staged", eight slots, 0x01‖vault_id‖stage_id‖row_id)

`row_id` is the entry's id, and for the header the vault's; the outer layer's row id is stage_id‖row_id. A row and its
stage are two states of the same slots. Under the server keys alone, whoever compares them would see which slot changes,
as two dumps tell it; so the stage is under the new password too, and a dump in the middle of a change shows noise of
the same lengths for every compartment, and whether the change was a new password for an old compartment or for another.

The stage has one runner. Whoever comes with the passwords that it was begun with goes on with it at once, as the new
runner; the one before is refused at its next write. While somebody runs it, acts that write are told "busy".
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from tenants import audit
from tenants.models import Tenant
from vault import compartments, header, outer, scrub, sealing, storage
from vault.compartments import REFUSED, RUNNING, WRITE, Actor, Opened
from vault.errors import Busy, Damaged, VaultError
from vault.header import Compartment
from vault.memory import Key
from vault.models import VaultEntry, VaultHeader, VaultStage, VaultStagedRow
from vault.sealing import VERSION, derive

KEPT = timedelta(hours=1)  # that an interrupted change can be gone on with
LABEL = b"deny-web/v1/staged"
_KEY_LABEL = b"deny-web/v1/stage"
_CHUNK = 16  # rows in memory and in one transaction; a row has up to 130 kB

Told = Callable[[int, int], None]
"""Hears how many rows of how many are staged."""


@dataclass(frozen=True)
class Change:
    """What shall become of the vault.

    `key` is the new password's, `begin` makes the new header, `goes_on` says whether a stage's new compartment is the
    one that this change would make, and `rewrite` makes an entry's slots for it.
    """

    opened: Opened
    key: Key = field(repr=False)
    begin: Callable[[], bytes]
    goes_on: Callable[[Compartment], bool]
    rewrite: Callable[[VaultEntry, Compartment], bytes]


@dataclass(frozen=True)
class Stage:
    """A stage in the hands of this runner."""

    id: uuid.UUID
    runner: uuid.UUID
    vault_id: bytes
    key: Key = field(repr=False)
    header: bytes = field(repr=False)
    compartment: Compartment = field(repr=False)

    def seal(self, slots: bytes, row_id: bytes) -> bytes:
        slot = sealing.seal(self.key, LABEL, slots, self._aad(row_id))
        return outer.seal(slot, self.vault_id, self.id.bytes + row_id)

    def open(self, stored: bytes | memoryview, row_id: bytes) -> bytes:
        """The slots that were staged.

        Raises:
            Damaged: they are not what was staged here.
        """
        slots = _opened(self.key, stored, self.vault_id, self.id, row_id)
        if slots is None:
            raise Damaged
        return slots

    def _aad(self, row_id: bytes) -> bytes:
        return _aad(self.vault_id, self.id, row_id)

    def row(self) -> QuerySet[VaultStage]:
        """Its row, as long as nobody else has taken over."""
        return VaultStage.objects.filter(pk=self.id, runner=self.runner)


def begin(tenant: Tenant, change: Change, refusal: VaultError | None, *, actor: Actor) -> Stage:
    """Go on with the stage of this change, or begin one; with a `refusal`, write that into the audit trail and raise
    it.

    Raises:
        Busy: the header changed meanwhile, or another change is under way.
    """
    with transaction.atomic():
        _lock(tenant, change.opened)
        if refusal is None:
            return _resumed(tenant, change) or _new(tenant, change)
        audit.record(tenant, REFUSED, actor=actor)
    raise refusal


def fill(tenant: Tenant, stage: Stage, change: Change, told: Told) -> None:
    """Stage what is not staged yet, a few rows at a time, so that others get to write between.

    Raises:
        Busy: another runner took over, or the header changed. Damaged: a row cannot be read.
    """
    while True:
        total = VaultEntry.objects.for_tenant(tenant).count()
        chunk = list(_missing(tenant, stage).order_by("pk")[:_CHUNK])
        rows = [
            VaultStagedRow(
                stage_id=stage.id,
                entry_id=entry.pk,
                entry_version=entry.version,
                sealed=stage.seal(change.rewrite(entry, stage.compartment), entry.pk.bytes),
            )
            for entry in chunk
        ]
        with transaction.atomic():
            # Where a runner was silent for so long that others write again, a label may go at this moment: PostgreSQL
            # would refuse the whole chunk for a row that refers to nothing.
            _lock(tenant, change.opened)
            if not stage.row().update(touched_at=timezone.now()):
                raise Busy
            VaultStagedRow.objects.filter(stage_id=stage.id, entry__in=chunk).delete()
            alive = set(VaultEntry.objects.filter(pk__in=[row.entry_id for row in rows]).values_list("pk", flat=True))
            VaultStagedRow.objects.bulk_create([row for row in rows if row.entry_id in alive])
        told(min(VaultStagedRow.objects.filter(stage_id=stage.id).count(), total), total)
        if not chunk:
            return


def swap(tenant: Tenant, stage: Stage, change: Change, *, actor: Actor) -> bool:
    """Put everything that is staged in its place, with the audit row, or nothing; False when something is missing.

    `changed_at` of the entries stays: it tells of values, and this is not an act on one.

    Raises:
        Busy: another runner took over, or the header or a row changed meanwhile.
    """
    with transaction.atomic():
        _lock(tenant, change.opened)
        if not stage.row().exists():
            raise Busy
        if _missing(tenant, stage).exists():
            return False
        ids = list(VaultStagedRow.objects.filter(stage_id=stage.id).order_by("entry_id").values_list("pk", flat=True))
        for start in range(0, len(ids), _CHUNK):
            staged = VaultStagedRow.objects.filter(pk__in=ids[start : start + _CHUNK])
            for row in staged.select_related("entry").defer("entry__sealed"):
                slots = stage.open(row.sealed, row.entry_id.bytes)
                storage.replace(row.entry, slots, stage.vault_id, at=row.entry.changed_at)
        sealed = outer.seal(stage.header, stage.vault_id, stage.vault_id)
        VaultHeader.objects.for_tenant(tenant).update(sealed=sealed, version=F("version") + 1)
        VaultStage.objects.filter(pk=stage.id).delete()
        scrub.soon()
        audit.record(tenant, WRITE, actor=actor)
    return True


def drop(stage: Stage) -> None:
    """Forget the stage, unless another runner has it."""
    stage.row().delete()


def sweep(now: datetime) -> int:
    """Forget the stages that nobody has gone on with; returns how many."""
    gone, _ = VaultStage.objects.filter(touched_at__lt=now - KEPT).delete()
    return gone


def _lock(tenant: Tenant, opened: Opened) -> None:
    if compartments.lock(tenant) != [opened.version]:
        raise Busy


def _resumed(tenant: Tenant, change: Change) -> Stage | None:
    row = VaultStage.objects.for_tenant(tenant).select_for_update().first()
    if row is None:
        return None
    found = _read(row, change)
    if found is None or row.header_version != change.opened.version or not change.goes_on(found[1]):
        # Another password's, or out of date. While it runs it is not ours to end.
        if row.touched_at > timezone.now() - RUNNING:
            raise Busy
        row.delete()
        return None
    row.runner, row.touched_at = uuid.uuid4(), timezone.now()
    row.save(update_fields=["runner", "touched_at"])
    return Stage(row.pk, row.runner, change.opened.vault_id, _key(change, row.pk), *found)


def _new(tenant: Tenant, change: Change) -> Stage:
    slots, now = change.begin(), timezone.now()
    mine = header.find(slots, change.opened.vault_id, change.key)
    if mine is None:
        raise Damaged
    pk = uuid.uuid4()
    stage = Stage(pk, uuid.uuid4(), change.opened.vault_id, _key(change, pk), slots, mine)
    VaultStage.objects.create(
        id=pk,
        tenant=tenant,
        runner=stage.runner,
        header_version=change.opened.version,
        sealed=stage.seal(slots, stage.vault_id),
        began_at=now,
        touched_at=now,
    )
    return stage


def _read(row: VaultStage, change: Change) -> tuple[bytes, Compartment] | None:
    """The staged header and the new compartment, or None when the new password does not open them."""
    vault_id = change.opened.vault_id
    try:
        slots = _opened(_key(change, row.pk), row.sealed, vault_id, row.pk, vault_id)
    except Damaged:  # under a server key that is gone, say: a stage can always be begun anew
        return None
    mine = header.find(slots, vault_id, change.key) if slots else None
    return (slots, mine) if slots and mine else None


def _opened(key: Key, stored: bytes | memoryview, vault_id: bytes, stage_id: uuid.UUID, row_id: bytes) -> bytes | None:
    slot = outer.open_row(stored, vault_id, stage_id.bytes + row_id)
    return sealing.open_slot(key, LABEL, slot, _aad(vault_id, stage_id, row_id))


def _key(change: Change, stage_id: uuid.UUID) -> Key:
    return derive(change.key, salt=stage_id.bytes, info=_KEY_LABEL + change.opened.vault_id)


def _aad(vault_id: bytes, stage_id: uuid.UUID, row_id: bytes) -> bytes:
    return VERSION + vault_id + stage_id.bytes + row_id


def _missing(tenant: Tenant, stage: Stage) -> QuerySet[VaultEntry]:
    """The entries that are not staged as they are now."""
    staged = VaultStagedRow.objects.filter(stage_id=stage.id, entry=OuterRef("pk"), entry_version=OuterRef("version"))
    return VaultEntry.objects.for_tenant(tenant).filter(~Exists(staged))
