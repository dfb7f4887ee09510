"""Finding a value in a text by its keyed hashes alone.

The text is brought to the common form of the marks, in every dress that can be undone without knowing the value:
escapings (URL, HTML, JSON, backslash, quoted-printable), Base64 and hex at any alignment, over one another up to
`DEPTH` deep. The other dresses (upper case, reversed, ROT13, blanks or signs strewn in, full-width letters) are in the
common form and the marks themselves. Then a window of each length slides over it, and is hashed.

Few windows are: a mark knows where its first digit stands, so a window has to have its own there. Ordinary words have
no digits at all.

The work is bounded: of all texts that are looked at together the first `LONGEST` characters, and `MOST` hashes. What is
behind that is not looked at; in each text what was decoded comes last. Not found are also: a part of a value, a value
in several pieces with other words between them, encryption, compression, another alphabet (Base32, Morse), a telling in
a sentence.
"""

import base64
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from vault import disguises
from vault.tripwires import marks
from vault.tripwires.marks import Mark

LONGEST = 128 * 1024  # characters; at the worst 0.2 s of work
MOST = 40_000  # hashes, 1.5 µs each
_EACH = 16  # characters that each text counts for beside its own: ten million empty ones are work too
DEPTH = 3  # encodings over one another
_MOST_VIEWS = 200
_PART = r"[A-Za-z0-9+/_-]"
_BASE64 = re.compile(rf"{_PART}{{16,}}(?:={{0,2}}[ \t]*\r?\n[ \t]*{_PART}+)*")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}(?:0[xX]|[\s:,;._-]){0,2}){12,}")
_SEPARATOR = re.compile(r"0[xX]|[^0-9A-Fa-f]")
_ASCII = re.compile(rb"[\t\r\n\x20-\x7e]{12,}")
_DIGITS = re.compile(r"[0-9]")


@dataclass
class Watch:
    """What is looked for: for each place of a first digit and each measure, the digests and what they stand for."""

    _wanted: dict[int, dict[tuple[int, bytes], dict[str, str]]] = field(default_factory=dict, repr=False)

    def add(self, key: bytes, mark: Mark, name: str) -> None:
        self._wanted.setdefault(mark.first, {}).setdefault((mark.length, key), {})[mark.digest] = name

    def names_in(self, texts: Iterable[str]) -> set[str]:
        """The names of all that stands in one of `texts`."""
        found = set[str]()
        # In order, so that the first one that does not fit ends the look at a place: `MOST` bounds all of the work.
        wanted = [(first, sorted(measures.items(), key=_length)) for first, measures in sorted(self._wanted.items())]
        windows = (window for text in _cut(texts) for form in _forms(text) for window in _windows(form, wanted))
        for window, key, names in islice(windows, MOST) if wanted else ():
            told = hmac.digest(key, window.encode(), "sha256").hex()
            if told in names:
                found.add(names[told])
        return found


_Measures = list[tuple[tuple[int, bytes], dict[str, str]]]


def _length(measure: tuple[tuple[int, bytes], dict[str, str]]) -> int:
    return measure[0][0]


def _cut(texts: Iterable[str]) -> Iterator[str]:
    left = LONGEST
    for text in texts:
        if left <= 0:
            return
        yield text[:left]
        left -= len(text) + _EACH


def _windows(form: str, wanted: list[tuple[int, _Measures]]) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """What is worth a hash: a window whose first digit stands where a mark's does, or that has none, as the mark.

    With the key, and what the digests of that measure stand for.
    """
    before = -1
    for digit in (*(match.start() for match in _DIGITS.finditer(form)), len(form)):
        for first, measures in wanted:
            if first >= digit - before:
                break
            if first < 0:
                yield from _between(form, before + 1, digit, measures)
            elif digit < len(form):
                yield from _at(form, digit - first, len(form), measures)
        before = digit


def _between(form: str, start: int, end: int, measures: _Measures) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    for place in range(start, end):
        if place + measures[0][0][0] > end:
            return
        yield from _at(form, place, end, measures)


def _at(form: str, start: int, end: int, measures: _Measures) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    for (length, key), names in measures:
        if start + length > end:
            return
        yield form[start : start + length], key, names


def _forms(text: str) -> Iterator[str]:
    """The common forms of a text, the plainest first."""
    seen = set[str]()
    for view in islice(_views(text), _MOST_VIEWS):
        form = marks.common(view)
        if len(form) >= marks.SHORTEST and form not in seen:
            seen.add(form)
            yield form


def _views(text: str) -> Iterator[str]:
    level = [text]
    for _ in range(DEPTH):
        views = [view for each in level for view in disguises.views(each)]
        yield from views
        level = list(dict.fromkeys(inner for view in views for inner in _decoded(view)))
    yield from level


def _decoded(text: str) -> Iterator[str]:
    """What stands in Base64 or hex in a text, as far as it is text again."""
    for run in _BASE64.findall(text):
        digits = re.sub(r"[\s=]+", "", run).replace("-", "+").replace("_", "/")
        for offset in range(4):  # the run may begin with something else, such as a parameter's name
            cut = digits[offset:]
            yield from _texts(base64.b64decode(cut[: len(cut) // 4 * 4] + _padded(cut), validate=True))
    for run in _HEX.findall(text):
        pairs = _SEPARATOR.sub("", run)
        for offset in range(2):
            cut = pairs[offset:]
            yield from _texts(bytes.fromhex(cut[: len(cut) // 2 * 2]))


def _padded(digits: str) -> str:
    rest = digits[len(digits) // 4 * 4 :]
    return f"{rest}{'=' * (4 - len(rest))}" if len(rest) > 1 else ""


def _texts(raw: bytes) -> Iterator[str]:
    """The runs of text in what was decoded; wrong alignments give none. Wide characters lose their zeros."""
    for run in _ASCII.findall(raw.replace(b"\0", b"")):
        yield run.decode("ascii")
