"""Looks for secrets in bytes, in every dress that a leak is likely to wear.

Written apart from `chat.tools.sweep`, from the promise's own list, so that neither hides the other's blind spot. A
secret is looked for in pieces of 8 characters: whatever holds the whole in one of these forms holds a piece in it.
"""

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

PIECE = 8
_ALIGNMENTS = range(3)


@dataclass(frozen=True)
class Secret:
    """Something that must not be found. Words that also stand in ordinary text are looked for as a whole only."""

    name: str
    text: str = field(repr=False)
    whole_only: bool = False

    def needles(self) -> dict[bytes, str]:
        """What to look for in lower-cased data, each with the name of its form."""
        size = len(self.text) if self.whole_only else PIECE
        pieces = [self.text[at : at + size] for at in range(len(self.text) - size + 1)]
        return {needle.lower(): form for piece in pieces for form, needle in _forms(piece)}


def _forms(piece: str) -> Iterator[tuple[str, bytes]]:
    raw = piece.encode()
    yield "text", raw
    yield "reversed", raw[::-1]
    yield "hex", raw.hex().encode()
    yield "spaced hex", raw.hex(" ").encode()
    yield "percent", b"".join(b"%%%02x" % byte for byte in raw)
    yield "unicode escapes", b"".join(b"\\u%04x" % byte for byte in raw)
    yield "hex escapes", b"".join(b"\\x%02x" % byte for byte in raw)
    yield "wide", piece.encode("utf-16-le")
    for alignment in _ALIGNMENTS:
        core = base64_core(raw, alignment)
        yield "base64", core
        yield "base64", core.replace(b"+", b"-").replace(b"/", b"_")


def base64_core(raw: bytes, alignment: int) -> bytes:
    """The Base64 of `raw` behind `alignment` other bytes, without characters that share bits with its neighbours."""
    encoded = base64.b64encode(bytes(alignment) + raw)
    return encoded[-(-alignment * 8 // 6) : (alignment + len(raw)) * 8 // 6]


@dataclass(frozen=True)
class Hit:
    """A secret was found: its name, the form, and where. The surroundings are left out: they hold it."""

    secret: str
    form: str
    place: str
    offset: int


class Scanner:
    """Counts what it looked through: a scan of nothing finds nothing."""

    def __init__(self, *secrets: Secret) -> None:
        self._needles = {needle: (one.name, form) for one in secrets for needle, form in one.needles().items()}
        self.scanned: Counter[str] = Counter()
        self.hits: Counter[str] = Counter()

    def scan(self, place: str, data: bytes) -> list[Hit]:
        """Every needle that stands in `data`, once."""
        low = data.lower()
        found = [
            Hit(name, form, place, low.find(needle)) for needle, (name, form) in self._needles.items() if needle in low
        ]
        self.scanned[place] += len(data)
        self.hits[place] += len(found)
        return found
