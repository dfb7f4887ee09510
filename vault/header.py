"""The header: eight key slots, each random bytes or a compartment under one password. Pure bytes, no Django.

    CK     = Argon2id(password, vault_salt)                                  see `vault.derivation`
    header = 8 x slot(CK, "deny-web/v1/header", plaintext, 0x01‖vault_id)    8 x 144 bytes
    plaintext = u8 number ‖ master key (32) ‖ 31 zero bytes                  64 bytes

`number` (0…7) is the slot that the compartment owns in every entry; `place` is where its key slot lies in the header.
The place has no meaning and readers accept any. This writer puts a new compartment at the place of its number, so
that an unnamed compartment is either untouched or gone, never half alive with two owners of one slot.

Nothing here counts compartments: whoever holds one password cannot tell seven empty slots from seven others' ones.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vault.errors import NoRoom
from vault.memory import Bytes, Key
from vault.sealing import KEY, VERSION, Random, empty, open_key, seal, size

SLOTS = 8
LABEL = b"deny-web/v1/header"
PLAIN = 64
_SLOT = size(PLAIN)
SIZE = SLOTS * _SLOT


@dataclass(frozen=True, slots=True)
class Compartment:
    """What one password opens. Its representation shows no key."""

    number: int
    place: int = field(repr=False)
    master_key: Key = field(repr=False)


def create(vault_id: bytes, key: Bytes, *, random: Random = os.urandom) -> bytes:
    """A header with one compartment, at a random place, and seven slots of noise."""
    blank = b"".join(empty(PLAIN, random=random) for _ in range(SLOTS))
    return add(blank, vault_id, key, (), random=random)


def find(header: bytes, vault_id: bytes, key: Bytes) -> Compartment | None:
    """The compartment that `key` opens. Looks at all eight slots, always."""
    found = [_read(slot, place, vault_id, key) for place, slot in enumerate(_slots(header))]
    return next((compartment for compartment in found if compartment), None)


def add(
    header: bytes, vault_id: bytes, key: Bytes, survivors: Iterable[Compartment], *, random: Random = os.urandom
) -> bytes:
    """The header with a new compartment under `key`, which leaves every survivor's slots alone.

    Any other compartment may be overwritten: that it is there cannot be known.

    Raises:
        NoRoom: the survivors hold all eight.
    """
    kept = list(survivors)
    numbers = sorted(set(range(SLOTS)) - {one.number for one in kept})
    places = sorted(set(range(SLOTS)) - {one.place for one in kept})
    if not numbers or not places:
        raise NoRoom
    number = _pick(numbers, random)
    place = number if number in places else _pick(places, random)
    return replace(header, vault_id, key, Compartment(number, place, Key(random(KEY))), random=random)


def replace(
    header: bytes, vault_id: bytes, key: Bytes, compartment: Compartment, *, random: Random = os.urandom
) -> bytes:
    """The header with `compartment` written at its place under `key`; the other seven slots stay byte for byte."""
    slots = _slots(header)
    plaintext = packed(compartment)
    slots[compartment.place] = seal(key, LABEL, plaintext, VERSION + vault_id, random=random)
    return b"".join(slots)


def packed(compartment: Compartment) -> Key:
    """A compartment as a slot's plaintext, in the header and in a lease."""
    plaintext = Key(PLAIN)
    plaintext[0] = compartment.number
    plaintext[1 : 1 + KEY] = compartment.master_key
    return plaintext


def nobody(*, random: Random = os.urandom) -> Compartment:
    """A compartment that owns nothing, so that a wrong password walks the same path as a right one."""
    number = _pick(range(SLOTS), random)
    return Compartment(number, number, Key(random(KEY)))


def _slots(header: bytes) -> list[bytes]:
    return [header[place * _SLOT : (place + 1) * _SLOT] for place in range(SLOTS)]


def _read(slot: bytes, place: int, vault_id: bytes, key: Bytes) -> Compartment | None:
    plaintext = open_key(key, LABEL, slot, VERSION + vault_id)
    if plaintext is None or len(plaintext) != PLAIN or plaintext[0] >= SLOTS or any(plaintext[1 + KEY :]):
        return None
    return Compartment(plaintext[0], place, Key(memoryview(plaintext)[1 : 1 + KEY]))


def _pick(options: Sequence[int], random: Random) -> int:
    """One option, each as likely as the next: bytes beyond the last whole multiple are thrown away."""
    while (byte := random(1)[0]) >= 256 - 256 % len(options):
        continue
    return options[byte % len(options)]
