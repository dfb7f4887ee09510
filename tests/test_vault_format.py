"""The pure bytes: what is changed, moved or another's does not open, and what is not one's own is not touched."""

from collections import Counter

import pytest

from vault import header, row, sealing
from vault.errors import NoRoom
from vault.header import SLOTS, Compartment
from vault.memory import Key

VAULT, ENTRY = b"v" * 16, b"e" * 16
KEYS = [bytes([n]) * 32 for n in range(9)]


def place(entry: bytes = ENTRY, vault: bytes = VAULT, band: int = 1024) -> row.Place:
    return row.Place(vault, entry, band)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def full_header() -> tuple[bytes, list[Compartment]]:
    """Eight compartments, under KEYS[0] to KEYS[7]."""
    owners: list[Compartment] = []
    slots = header.create(VAULT, KEYS[0])
    for n in range(SLOTS):
        if n:
            slots = header.add(slots, VAULT, KEYS[n], owners)
        found = header.find(slots, VAULT, KEYS[n])
        assert found is not None
        owners.append(found)
    return slots, owners


def test_every_flipped_bit_of_a_slot_is_refused() -> None:
    slot = sealing.seal(KEYS[0], b"label", b"secret", b"aad")
    assert sealing.open_slot(KEYS[0], b"label", slot, b"aad") == b"secret"
    opened = [bit for bit in range(len(slot) * 8) if sealing.open_slot(KEYS[0], b"label", flipped(slot, bit), b"aad")]
    assert opened == []


def test_every_flipped_bit_of_the_own_header_slot_is_refused_and_of_the_others_is_nothing() -> None:
    slots = header.create(VAULT, KEYS[0])
    found = header.find(slots, VAULT, KEYS[0])
    assert found is not None
    own = range(found.place * 144 * 8, (found.place + 1) * 144 * 8)
    for bit in range(0, len(slots) * 8, 7):  # 7 and 8 share no factor: every bit of a byte gets its turn
        again = header.find(flipped(slots, bit), VAULT, KEYS[0])
        assert again == (None if bit in own else found)


def test_eight_compartments_live_side_by_side_and_a_ninth_is_refused() -> None:
    slots, owners = full_header()
    assert {owner.number for owner in owners} == {owner.place for owner in owners} == set(range(SLOTS))
    assert [header.find(slots, VAULT, KEYS[n]) for n in range(SLOTS)] == owners
    with pytest.raises(NoRoom):
        header.add(slots, VAULT, KEYS[8], owners)


def test_a_compartment_that_is_left_out_is_whole_or_gone() -> None:
    fates: Counter[bool] = Counter()
    for _ in range(200):
        first = header.create(VAULT, KEYS[0])
        both = header.add(first, VAULT, KEYS[1], [c for c in [header.find(first, VAULT, KEYS[0])] if c])
        kept, left_out = header.find(both, VAULT, KEYS[0]), header.find(both, VAULT, KEYS[1])
        assert kept is not None
        assert left_out is not None
        three = header.add(both, VAULT, KEYS[2], [kept])
        new = header.find(three, VAULT, KEYS[2])
        assert new is not None
        assert header.find(three, VAULT, KEYS[0]) == kept
        survived = header.find(three, VAULT, KEYS[1]) is not None
        assert survived == (new.number != left_out.number)
        fates[survived] += 1
    assert fates[True] > fates[False] > 0  # one in seven is lost; none in 200 tries would be one in 10^13


def test_a_new_compartment_lies_anywhere() -> None:
    numbers = Counter(
        c.number for c in (header.find(header.create(VAULT, KEYS[0]), VAULT, KEYS[0]) for _ in range(400)) if c
    )
    assert sum(numbers.values()) == 400
    chi_square = sum((numbers[n] - 50) ** 2 / 50 for n in range(SLOTS))
    assert chi_square < 40.5  # seven degrees of freedom: exceeded once in a million runs


def test_survivors_numbers_are_spared_even_where_places_differ() -> None:
    slots = b"".join(sealing.empty(64) for _ in range(SLOTS))
    strange = [Compartment(number, 7 - number, Key(bytes([number]) * 32)) for number in range(7)]
    for n, owner in enumerate(strange):
        slots = header.replace(slots, VAULT, KEYS[n], owner)
    added = header.add(slots, VAULT, KEYS[8], strange)
    new = header.find(added, VAULT, KEYS[8])
    assert new is not None
    assert (new.number, new.place) == (7, 0)
    assert [header.find(added, VAULT, KEYS[n]) for n in range(7)] == strange


def test_a_writer_touches_its_own_slot_alone() -> None:
    _, owners = full_header()
    slots = row.blank(1024)
    for n, owner in enumerate(owners):
        before = slots
        slots = row.write(slots, place(), owner, row.Value(b"value %d" % n))
        changed = [s for s in range(SLOTS) if before[s * 1104 : (s + 1) * 1104] != slots[s * 1104 : (s + 1) * 1104]]
        assert changed == [owner.number]
    assert [row.read(slots, place(), owner) for owner in owners] == [row.Value(b"value %d" % n) for n in range(SLOTS)]


def test_a_row_is_refused_elsewhere_and_a_slot_in_another_place() -> None:
    owner = Compartment(2, 2, Key(KEYS[0]))
    slots = row.write(row.blank(1024), place(), owner, row.Value(b"secret"))
    assert row.read(slots, place(), owner) == row.Value(b"secret")
    assert row.read(slots, place(entry=b"x" * 16), owner) is None
    assert row.read(slots, place(vault=b"x" * 16), owner) is None
    turned = slots[1104:] + slots[:1104]
    assert row.read(turned, place(), owner) is None
    assert row.read(turned, place(), Compartment(1, 1, Key(KEYS[0]))) == row.Value(b"secret")  # the slot itself is good


def test_every_band_holds_its_longest_value_and_all_sizes_are_one() -> None:
    owner = Compartment(0, 0, Key(KEYS[0]))
    for band in row.BANDS:
        sizes = set()
        for data in (b"\0", b"x" * row.longest(band)):
            slots = row.write(row.blank(band), place(band=band), owner, row.Value(data))
            assert row.read(slots, place(band=band), owner) == row.Value(data)
            sizes.add(len(slots))
        assert sizes == {len(row.blank(band))}


def test_no_representation_shows_a_key_or_a_value() -> None:
    shown = repr(Compartment(1, 2, Key(b"K" * 32))) + repr(row.Value(b"sk_live_5Qm"))
    assert "KKKK" not in shown
    assert "sk_live" not in shown
