"""What the server keys and one password make of a dump: slots, the own ones opened."""

import json
import uuid
from dataclasses import dataclass

from tests.prove.dumps import Dump, Row
from vault import derivation, header, outer, row
from vault.header import SLOTS, Compartment
from vault.row import Place
from vault.sealing import size

_MASKED = "random"
_RANDOM = {
    "vault_vaultheader": ("vault_id", "salt", "sealed"),
    "vault_vaultentry": ("id", "sealed"),
    "vault_vaultstage": ("id", "runner", "sealed"),
    "vault_vaultstagedrow": ("at", "id", "stage_id", "entry_id", "sealed"),  # they lie in the order of entries' ids
    "tenants_auditrow": ("hash", "prev_hash"),
}


@dataclass(frozen=True)
class Reading:
    """One dump under one password. `foreign` holds, for the header and each entry, the seven slots that are not one's
    own, in a row from the own one on."""

    number: int
    place: int
    foreign: list[list[bytes]]
    own: list[tuple[str, bytes | None]]
    whole: list[bytes]  # all eight slots of the header and of each entry
    staged: list[bytes]  # what is staged for each of them, as far as the server keys open it


def read(dump: Dump, password: str) -> Reading:
    """Open what these keys open.

    Raises:
        AssertionError: the password opens nothing; the world was not built as it should be.
    """
    vault_id = bytes(dump.header["vault_id"])
    slots = outer.open_row(dump.header["sealed"], vault_id, vault_id)
    key = derivation.compartment_key(password, bytes(dump.header["salt"]))
    mine = header.find(slots, vault_id, key)
    assert mine is not None
    foreign, own, whole = [_without(_cut(slots), mine.place)], [], [slots]
    for entry in dump.entries:
        content = outer.open_row(entry["sealed"], vault_id, _place(entry, vault_id).entry_id)
        whole.append(content)
        foreign.append(_without(_cut(content), mine.number))
        own.append((str(entry["label"]), _value(content, entry, vault_id, mine)))
    return Reading(mine.number, mine.place, foreign, own, whole, _staged(dump, vault_id))


def _staged(dump: Dump, vault_id: bytes) -> list[bytes]:
    found = []
    for stage in dump.tables["vault_vaultstage"]:
        stage_id = uuid.UUID(str(stage["id"])).bytes
        found.append(outer.open_row(stage["sealed"], vault_id, stage_id + vault_id))
        rows = {str(row["entry_id"]): row["sealed"] for row in dump.tables["vault_vaultstagedrow"]}
        for entry in dump.entries:
            entry_id = _place(entry, vault_id).entry_id
            found.append(outer.open_row(rows[str(entry["id"])], vault_id, stage_id + entry_id))
    return found


def same_slots(before: Reading, after: Reading) -> list[bool]:
    """For every foreign slot that both dumps have, in the header and in each entry: is it unchanged?"""
    old, new = _by_label(before), _by_label(after)
    return [was == now for label in old.keys() & new.keys() for was, now in zip(old[label], new[label], strict=True)]


def _by_label(reading: Reading) -> dict[str | None, list[bytes]]:
    return dict(zip([None, *(label for label, _ in reading.own)], reading.foreign, strict=True))


def masked(dump: Dump, reading: Reading) -> bytes:
    """The logical dump in a canonical form, its random fields masked: ids, keys, salts, seals, hashes, and which of the
    eight slots is one's own. Foreign slots and what is staged keep their lengths, own values stand in the clear."""
    tables = {
        name: [
            {column: _MASKED if column in _RANDOM.get(name, ()) else _plain(value) for column, value in row.items()}
            for row in rows
        ]
        for name, rows in dump.tables.items()
    }
    tables["vault_vaultstagedrow"].sort(key=lambda row: str(row["entry_version"]))
    sealed = [len(row["sealed"]) for row in (dump.header, *dump.entries)]
    slots = [[len(slot) for slot in foreign] for foreign in reading.foreign]
    own = [(label, value.hex() if value is not None else None) for label, value in reading.own]
    staged = sorted(len(row) for row in reading.staged)
    return json.dumps([tables, sealed, slots, own, staged], sort_keys=True).encode()


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else str(value)


def _place(entry: Row, vault_id: bytes) -> Place:
    return Place(vault_id, uuid.UUID(str(entry["id"])).bytes, int(entry["band"]))


def _value(content: bytes, entry: Row, vault_id: bytes, mine: Compartment) -> bytes | None:
    found = row.read(content, _place(entry, vault_id), mine)
    return found.data if found else None


def _cut(slots: bytes) -> list[bytes]:
    step = len(slots) // SLOTS
    assert step in {size(64), *(size(band) for band in row.BANDS)}
    return [slots[nth * step : (nth + 1) * step] for nth in range(SLOTS)]


def _without(slots: list[bytes], own: int) -> list[bytes]:
    return [slots[(own + nth) % SLOTS] for nth in range(1, SLOTS)]
