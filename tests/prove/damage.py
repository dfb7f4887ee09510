"""Promise 5, damage: every bit flipped, slots and rows moved, ends cut off. Each has to be refused, and none to read as
something else."""

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tenants import actions
from tenants.models import Tenant, User
from tests.prove import setting
from tests.prove.figures import Figure, Section, tried
from vault import compartments, derivation, entries, header, lease_format, outer, row, sealed_fields
from vault.errors import Damaged
from vault.header import SLOTS, Compartment
from vault.lease_format import Lease
from vault.memory import Bytes
from vault.models import VaultEntry, VaultHeader
from vault.row import BANDS, Place

FIRST, SECOND = "harbour violin cactus ninety", "meadow anvil citrus forty"
_FAST, _SLOW = 1, 40  # of so many bytes one is tried


@dataclass
class Count:
    tries: int = 0
    failures: int = 0

    def refused(self, really: bool) -> None:
        self.tries += 1
        self.failures += not really


@dataclass(frozen=True)
class Vault:
    """A vault with a value in each band, as it is stored and as its first password reads it."""

    tenant: Tenant
    vault_id: bytes
    sealed: bytes
    slots: bytes
    key: Bytes
    mine: Compartment
    entries: list[VaultEntry]

    def place(self, entry: VaultEntry) -> Place:
        return Place(self.vault_id, entry.id.bytes, entry.band)


def examine(template: Path, *, quick: bool) -> Section:
    """All figures of damage; `quick` looks at every 40th byte of the larger bands."""
    with setting.cheap(), setting.database(template, template.with_name("damage.sqlite3")):
        one = _make(Tenant.objects.get())
        other = _make(actions.create_tenant("Other", slug="other", acting=User.objects.get()).tenant)
        figures = [
            *_stored_bits(one, _SLOW if quick else _FAST),
            *_slot_bits(one, _SLOW if quick else 8),
            _lease_bits(one),
            _slots_moved(one),
            _rows_moved(one, other),
            _cut(one, 211 if quick else 7),
            _through_the_door(one, 50 if quick else 300),
        ]
        return Section("Promise 5: damage", _METHOD, figures)


def _make(tenant: Tenant) -> Vault:
    compartments.create(tenant, FIRST, actor="operator")
    for band in BANDS:
        value = random.Random(band).randbytes(row.longest(band))
        entries.put(tenant, f"band-{band}", value, password=FIRST, band=band, actor="operator")
    stored = VaultHeader.objects.get(tenant=tenant)
    vault_id = bytes(stored.vault_id)
    slots = outer.open_row(stored.sealed, vault_id, vault_id)
    key = derivation.compartment_key(FIRST, bytes(stored.salt))
    mine = header.find(slots, vault_id, key)
    assert mine is not None
    own = list(VaultEntry.objects.for_tenant(tenant).order_by("band"))
    return Vault(tenant, vault_id, bytes(stored.sealed), slots, key, mine, own)


def _damaged(open_it: Callable[..., object], *given: object, **named: object) -> bool:
    try:
        open_it(*given, **named)
    except Damaged:
        return True
    return False


def _flips(data: bytes, every: int = 1) -> Iterator[bytes]:
    """Copies of `data` with one bit flipped: all eight of each byte, or one each of every so many bytes."""
    dice = random.Random(len(data))
    broken = bytearray(data)
    for at in range(0, len(data), every):
        for bit in range(8) if every == 1 else (dice.randrange(8),):
            broken[at] ^= 1 << bit
            yield bytes(broken)
            broken[at] ^= 1 << bit


def _one_a_byte(data: bytes, every: int) -> Iterator[bytes]:
    dice = random.Random(len(data))
    broken = bytearray(data)
    for at in range(0, len(data), every):
        bit = 1 << dice.randrange(8)
        broken[at] ^= bit
        yield bytes(broken)
        broken[at] ^= bit


def _stored_bits(vault: Vault, every: int) -> Iterator[Figure]:
    count = Count()
    for broken in _flips(vault.sealed):
        count.refused(_damaged(outer.open_row, broken, vault.vault_id, vault.vault_id))
    yield tried("Header as stored: every bit flipped", count.tries, count.failures, unit="flips")
    for entry in vault.entries:
        count, step = Count(), 1 if entry.band == BANDS[0] else every
        for broken in _one_a_byte(bytes(entry.sealed), step):
            count.refused(_damaged(outer.open_row, broken, vault.vault_id, entry.id.bytes))
        what = "every byte" if step == 1 else f"every {step}th byte"
        yield tried(f"Entry of band {entry.band} as stored: a bit in {what}", count.tries, count.failures, unit="flips")


def _slot_bits(vault: Vault, every: int) -> Iterator[Figure]:
    """By somebody who has the server keys, and so gets past the outer layer."""
    count, size = Count(), len(vault.slots) // SLOTS
    own = slice(vault.mine.place * size, (vault.mine.place + 1) * size)
    for broken in _flips(vault.slots[own]):
        slots = vault.slots[: own.start] + broken + vault.slots[own.stop :]
        count.refused(header.find(slots, vault.vault_id, vault.key) is None)
    yield tried("Key slot beneath the outer layer: every bit flipped", count.tries, count.failures, unit="flips")
    count = Count()
    for entry in vault.entries:
        content = outer.open_row(entry.sealed, vault.vault_id, entry.id.bytes)
        size = len(content) // SLOTS
        own = slice(vault.mine.number * size, (vault.mine.number + 1) * size)
        for broken in _one_a_byte(content[own], 1 if entry.band == BANDS[0] else every * entry.band // BANDS[1]):
            whole = content[: own.start] + broken + content[own.stop :]
            count.refused(row.read(whole, vault.place(entry), vault.mine) is None)
    yield tried(
        "Value slots beneath the outer layer, each band: bits flipped", count.tries, count.failures, unit="flips"
    )


def _lease_bits(vault: Vault) -> Figure:
    lease = Lease(f"lease_{'0' * 40}", datetime.now(UTC) + timedelta(hours=1), False, 1)
    stored = lease_format.seal(lease, vault.tenant.pk, vault.mine)
    assert lease_format.open_stored(stored, vault.tenant.pk) is not None
    count = Count()
    for broken in _flips(stored):
        count.refused(lease_format.open_stored(broken, vault.tenant.pk) is None)
    count.refused(lease_format.open_stored(stored, uuid.uuid4()) is None)
    return tried("A lease: every bit flipped, and another workspace", count.tries, count.failures, unit="flips")


def _slots_moved(vault: Vault) -> Figure:
    """One's own slot at each of the seven other places of its row: it is read nowhere."""
    count = Count()
    for entry in vault.entries:
        content = outer.open_row(entry.sealed, vault.vault_id, entry.id.bytes)
        size = len(content) // SLOTS
        slots = [content[n * size : (n + 1) * size] for n in range(SLOTS)]
        for target in set(range(SLOTS)) - {vault.mine.number}:
            moved = slots.copy()
            moved[target], moved[vault.mine.number] = moved[vault.mine.number], moved[target]
            count.refused(row.read(b"".join(moved), vault.place(entry), vault.mine) is None)
    return tried("Slots swapped within a row", count.tries, count.failures, unit="swaps")


def _rows_moved(one: Vault, other: Vault) -> Figure:
    """Between entries, workspaces, header and entries; as stored, and sealed anew by who has the server keys."""
    count = Count()
    places = [(vault, entry) for vault in (one, other) for entry in vault.entries]
    for source, entry in places:
        content = outer.open_row(entry.sealed, source.vault_id, entry.id.bytes)
        for target, place in places:
            if place.pk != entry.pk:
                count.refused(_damaged(outer.open_row, entry.sealed, target.vault_id, place.id.bytes))
                count.refused(row.read(content, target.place(place), source.mine) is None)
        count.refused(_damaged(outer.open_row, entry.sealed, source.vault_id, source.vault_id))
    count.refused(_damaged(outer.open_row, one.sealed, other.vault_id, other.vault_id))
    count.refused(header.find(one.slots, other.vault_id, one.key) is None)
    field = sealed_fields.seal("upstream.key", one.tenant.pk, b"sk-upstream")
    for purpose, tenant in (("upstream.headers", one.tenant), ("upstream.key", other.tenant)):
        count.refused(_damaged(sealed_fields.open, purpose, tenant.pk, field))
    return tried("Rows moved to another entry, workspace or purpose", count.tries, count.failures, unit="moves")


def _cut(vault: Vault, every: int) -> Figure:
    count = Count()
    for stored, row_id in ((vault.sealed, vault.vault_id), *((bytes(e.sealed), e.id.bytes) for e in vault.entries[:1])):
        for length in range(0, len(stored), every):
            for piece in (stored[:length], stored[length + 1 :], stored + stored[: length + 1]):
                count.refused(_damaged(outer.open_row, piece, vault.vault_id, row_id))
    return tried("Cut at the end, cut at the start, lengthened", count.tries, count.failures, unit="cuts")


def _through_the_door(vault: Vault, times: int) -> Figure:
    """Flipped in the database and asked for as its owner does, who must be told that the row is damaged."""
    count, dice = Count(), random.Random(5)
    for _ in range(times):
        entry = dice.choice(vault.entries)
        stored = bytearray(entry.sealed)
        stored[dice.randrange(len(stored))] ^= 1 << dice.randrange(8)
        VaultEntry.objects.filter(pk=entry.pk).update(sealed=bytes(stored))
        count.refused(_damaged(entries.get, vault.tenant, entry.label, password=FIRST, actor="operator"))
        VaultEntry.objects.filter(pk=entry.pk).update(sealed=entry.sealed)
    for entry in vault.entries:  # the control: put back, it opens
        count.refused(bool(entries.get(vault.tenant, entry.label, password=FIRST, actor="operator")))
    return tried("Flipped in the database, asked for by its owner", count.tries, count.failures, unit="reads")


_METHOD = """What is stored is changed, and read again by the code that reads it in life. A failure would be any
answer but a refusal, or for a slot beneath the outer layer any but "no value here". Below the outer layer the
attacker has the server keys. A key slot that is moved within the header still opens; its place has no meaning."""
