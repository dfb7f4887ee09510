"""An entry's row: eight slots of one size, one for each compartment that may exist. Pure bytes, no Django.

    EK    = HKDF-SHA256(master key, salt=vault_id, info="deny-web/v1/entry"‖entry_id)
    row   = 8 x slot(EK, "deny-web/v1/slot", plaintext, 0x01‖vault_id‖entry_id‖u32 band)
    plaintext = u8 kind ‖ u32 length ‖ value ‖ zeros, `band` bytes in all    1024, 4096 or 16384

Integers are big-endian, ids are the 16 bytes of a UUID. The band is chosen when the entry is made: derived from a
value, it would tell that value's size, and changed for one, it would tell that it was changed.

A compartment writes the slot of its own number and no other, so that it cannot hurt what it cannot see. A reader tries
all eight and then believes only its own number's: a slot that somebody moved within the row is refused.
"""

import os
import struct
from dataclasses import dataclass, field
from enum import IntEnum

from vault.errors import InvalidValue
from vault.header import SLOTS, Compartment
from vault.memory import Key
from vault.sealing import VERSION, Random, derive, empty, open_key, seal, size

BANDS = (1024, 4096, 16384)
DEFAULT_BAND = BANDS[0]
LABEL = b"deny-web/v1/slot"
_KEY_LABEL = b"deny-web/v1/entry"
_HEAD = struct.Struct(">BI")


class Kind(IntEnum):
    """What a value is; sealed with it, so that a row does not tell."""

    SECRET = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Which row of which vault: what every slot is bound to, so that a row copied elsewhere does not open."""

    vault_id: bytes
    entry_id: bytes
    band: int

    @property
    def aad(self) -> bytes:
        return VERSION + self.vault_id + self.entry_id + struct.pack(">I", self.band)


@dataclass(frozen=True, slots=True)
class Value:
    """A credential as its owner gave it. Its representation shows nothing."""

    data: bytes = field(repr=False)
    kind: int = field(default=Kind.SECRET, repr=False)


def longest(band: int) -> int:
    """How many bytes a value may have in this band."""
    return band - _HEAD.size


def blank(band: int, *, random: Random = os.urandom) -> bytes:
    """A row in which no compartment has a value."""
    return b"".join(empty(band, random=random) for _ in range(SLOTS))


def write(row: bytes, place: Place, owner: Compartment, value: Value | None, *, random: Random = os.urandom) -> bytes:
    """The row with the owner's slot written anew, or emptied for None; the other seven stay byte for byte.

    Raises:
        InvalidValue: longer than the band holds.
    """
    slots = _slots(row, place.band)
    if value is None:
        slots[owner.number] = empty(place.band, random=random)
    else:
        slots[owner.number] = seal(_key(place, owner), LABEL, _pack(value, place.band), place.aad, random=random)
    return b"".join(slots)


def read(row: bytes, place: Place, owner: Compartment) -> Value | None:
    """The owner's value, or None. Tries all eight slots, always."""
    key = _key(place, owner)
    opened = [open_key(key, LABEL, slot, place.aad) for slot in _slots(row, place.band)]
    return _unpack(opened[owner.number], place.band)


def _key(place: Place, owner: Compartment) -> Key:
    return derive(owner.master_key, salt=place.vault_id, info=_KEY_LABEL + place.entry_id)


def _slots(row: bytes, band: int) -> list[bytes]:
    step = size(band)
    return [row[n * step : (n + 1) * step] for n in range(SLOTS)]


def _pack(value: Value, band: int) -> Key:
    if len(value.data) > longest(band):
        raise InvalidValue(f"This entry holds at most {longest(band)} bytes. Store a longer value under a new label, "
                           "in a larger band.")  # fmt: skip
    plaintext = Key(band)
    _HEAD.pack_into(plaintext, 0, value.kind, len(value.data))
    plaintext[_HEAD.size : _HEAD.size + len(value.data)] = value.data
    return plaintext


def _unpack(plaintext: Key | None, band: int) -> Value | None:
    if plaintext is None or len(plaintext) != band:
        return None
    kind, length = _HEAD.unpack_from(plaintext)
    if length > longest(band) or any(memoryview(plaintext)[_HEAD.size + length :]):
        return None
    return Value(bytes(memoryview(plaintext)[_HEAD.size : _HEAD.size + length]), kind)
