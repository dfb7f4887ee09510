"""From dumps to numbers: everything about them that might tell two worlds apart, as a row of features.

Without keys a dump is looked at as bytes, times and counters; with the server keys and one password also as slots.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from tests.prove.dumps import Dump, Row
from tests.prove.reading import Reading, same_slots

Numbers = Iterator[tuple[str, float]]
_TOKEN_TIME = slice(5, 13)  # behind our key id and Fernet's version byte
_PAGE = 4096


def one(dump: Dump) -> dict[str, float]:
    """Of a single dump, without keys."""
    found = _stored(dump)
    found.update(_file("file", dump.file))
    found["journal"] = float(len(dump.journal))
    return found


def many(dumps: list[Dump]) -> dict[str, float]:
    """Of several dumps over time, without keys: each one, and what changed from each to the next."""
    found = one(dumps[-1])
    for number, dump in enumerate(dumps[:-1]):
        found.update({f"dump {number} {name}": value for name, value in _stored(dump).items()})
    for number, (before, after) in enumerate(pairwise(dumps)):
        found.update(_change(f"change {number}", before, after))
    return found


def with_keys(dump: Dump, reading: Reading) -> dict[str, float]:
    """Of a single dump, with the server keys and one password: the slots, the own one left out."""
    found = one(dump)
    found |= {"number": float(reading.number), "place": float(reading.place)}
    foreign = [slot for slots in reading.foreign for slot in slots]
    found.update(_bytes("foreign", b"".join(foreign)))
    for nth in range(len(reading.foreign[0])):
        found.update(_bytes(f"foreign {nth}", b"".join(slots[nth] for slots in reading.foreign), bins=16))
    found["repeats"] = float(len(foreign) - len({slot[:32] for slot in foreign}))
    return found


def midway(dump: Dump, reading: Reading) -> dict[str, float]:
    """Of a single dump from the middle of a change of passwords, with the server keys and one password: what is staged
    too, as far as the server keys open it, and how it compares with what is in force."""
    found = with_keys(dump, reading)
    found.update(_bytes("staged", b"".join(reading.staged)))
    found["staged rows"] = float(len(reading.staged))
    for nth, staged in enumerate(reading.staged):
        found.update(_bytes(f"staged {nth}", staged, bins=16))
    found["staged alike"] = float(np.mean([_alike(*pair) for pair in zip(reading.whole, reading.staged, strict=True)]))
    return found


def two_with_keys(readings: list[Reading]) -> dict[str, float]:
    """What several dumps with the server keys say: how many foreign slots changed while the own one did not."""
    changes = [same_slots(before, after) for before, after in pairwise(readings)]
    return {"changed": float(sum(not same for change in changes for same in change)), "none": 0.0}


def _stored(dump: Dump) -> dict[str, float]:
    """The tables' part."""
    found: dict[str, float] = {}
    for table, rows in dump.tables.items():
        found.update(_table(table, rows))
    # Whoever knows the format reads the token's time, and holds it against the row's.
    late = [_number(row["changed_at"]) - _time(row["sealed"]) for row in dump.tables["vault_vaultentry"]]  # type: ignore[operator]
    found.update(_series("time within the row", late or [0.0]))
    return found


def _table(name: str, rows: list[Row]) -> Numbers:
    yield f"{name} rows", float(len(rows))
    for column in rows[0] if rows else ():
        yield from _column(f"{name}.{column}", [row[column] for row in rows])


def _column(name: str, values: list[Any]) -> Numbers:
    numbers = [number for value in values if (number := _number(value)) is not None]
    if len(numbers) == len(values):
        yield from _series(name, numbers)
    elif all(isinstance(value, bytes) for value in values):
        yield from _bytes(name, b"".join(values))
        yield from _series(f"{name} length", [float(len(value)) for value in values])
        yield from _series(f"{name} time", [_time(value) for value in values])
    else:
        texts = [str(value) for value in values]
        yield f"{name} length", float(sum(map(len, texts)))
        order = sorted(texts)
        yield from _series(f"{name} order", [float(order.index(text)) for text in texts])


def _series(name: str, numbers: list[float]) -> Numbers:
    line = np.array(numbers)
    for what, value in (("mean", line.mean()), ("low", line.min()), ("high", line.max()), ("last", line[-1])):
        yield f"{name} {what}", float(value)
    yield f"{name} rises", float((np.diff(line) > 0).mean()) if len(line) > 1 else 0.0


def _bytes(name: str, data: bytes, bins: int = 256) -> Numbers:
    yield f"{name} size", float(len(data))
    if not data:
        return
    line = np.frombuffer(data, dtype=np.uint8)
    counts = np.bincount(line, minlength=256) / len(line)
    for value, share in enumerate(counts.reshape(bins, -1).sum(axis=1)):
        yield f"{name} byte {value}", float(share)
    known = counts[counts > 0]
    yield f"{name} entropy", float(-(known * np.log2(known)).sum())
    yield f"{name} chi", float(((counts - 1 / 256) ** 2).sum() * len(line) * 256)
    yield f"{name} bits", float(np.unpackbits(line).mean())
    for lag in (1, 2, 16, 144, 1104):
        if len(line) > lag:
            yield f"{name} again {lag}", float((line[:-lag] == line[lag:]).mean())
    pairs = np.bincount((line[:-1].astype(np.int64) * 31 + line[1:]) % 64, minlength=64) / len(line)
    for value, share in enumerate(pairs):
        yield f"{name} pair {value}", float(share)
    for part, piece in enumerate(np.array_split(line, 8)):
        yield f"{name} part {part} mean", float(piece.mean())
        yield f"{name} part {part} spread", float(piece.std())


def _file(name: str, data: bytes) -> Numbers:
    yield f"{name} size", float(len(data))
    line = np.frombuffer(data, dtype=np.uint8)
    for value, share in enumerate(np.bincount(line, minlength=256)):
        yield f"{name} byte {value}", float(share)
    pages = line[: len(line) // _PAGE * _PAGE].reshape(-1, _PAGE)
    yield f"{name} empty pages", float((pages.max(axis=1) == 0).sum())
    yield f"{name} free pages", float(int.from_bytes(data[36:40], "big"))


def _change(name: str, before: Dump, after: Dump) -> Numbers:
    for table, rows in after.tables.items():
        old = {row["at"]: row for row in before.tables[table]}
        yield f"{name} {table} new", float(len(rows) - len(old))
        both = [(old[row["at"]], row) for row in rows if row["at"] in old]
        for column in rows[0] if rows else ():
            changed = [was[column] != now[column] for was, now in both]
            yield f"{name} {table}.{column} changed", float(sum(changed))
            if both and isinstance(both[0][0][column], bytes):
                yield f"{name} {table}.{column} alike", float(np.mean([_alike(w[column], n[column]) for w, n in both]))
    size = min(len(before.file), len(after.file)) // _PAGE * _PAGE
    was, now = (np.frombuffer(dump.file[:size], dtype=np.uint8).reshape(-1, _PAGE) for dump in (before, after))
    yield f"{name} pages", float((was != now).any(axis=1).sum())
    yield f"{name} journal", float(len(after.journal) - len(before.journal))


def _alike(was: bytes, now: bytes) -> float:
    size = min(len(was), len(now))
    return float((np.frombuffer(was[:size], dtype=np.uint8) == np.frombuffer(now[:size], dtype=np.uint8)).mean())


def _number(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).timestamp()
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()
        except ValueError:
            return None
    return None


def _time(sealed: bytes) -> float:
    return float(int.from_bytes(sealed[_TOKEN_TIME], "big"))
