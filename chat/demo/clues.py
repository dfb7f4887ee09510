"""What a message holds that could be an argument: ids, addresses, dates, numbers, quoted words, names."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

Found = TypeVar("Found")

# The look-behinds keep these linear: without them a long word is tried again from each of its letters.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s\"'<>)]+[^\s\"'<>).,;!?]")
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|«([^»]+)»|`([^`]+)`|(?<!\w)'([^'\n]+)'(?!\w)")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)?\b")
_ID = re.compile(
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b[a-z]{2,10}_[A-Za-z0-9_]*[A-Za-z0-9]\b"
    r"|\b[A-Z]{1,6}-?\d[\w-]*\b"
    r"|(?<=#)\w+"
)
_NUMBER = re.compile(r"(?<![\w.-])-?\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,15})?(?![\w-])")
_SUM = re.compile(r"(?<![\d.])-?\d+(?:\.\d+)?(?:\s*[-+*/\u00d7\u00f7]\s*-?\d+(?:\.\d+)?)+")
_NAMES = re.compile(
    r"\b(?:in|for|at|from|near|of|to|with|about|and)\s+"
    r"([A-Z][\w'\u2019.-]*[\w](?:(?:, | and | or |, and | )[A-Z][\w'\u2019.-]*[\w])*)"
)
_PLACE = re.compile(
    r"\b(?:in|for|at|near)\s+([a-z][\w'\u2019-]+(?: [a-z][\w'\u2019-]+)??)"
    r"\s*(?=[?.!,]|$|\b(?:in|for|at|today|tomorrow|now|please)\b)"
)
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}


@dataclass(frozen=True)
class Clues:
    """The findings, each in the order of the message, without doubles."""

    text: str
    ids: tuple[str, ...]
    emails: tuple[str, ...]
    urls: tuple[str, ...]
    dates: tuple[str, ...]
    numbers: tuple[int | float, ...]
    quoted: tuple[str, ...]
    names: tuple[str, ...]
    places: tuple[str, ...]
    sums: tuple[str, ...]


def read(text: str, known_words: Collection[str] = ()) -> Clues:
    """The clues of `text`. `known_words` (function and parameter names, say) are no ids, though they look like it."""
    rest = text
    emails, rest = _take(_EMAIL, rest)
    urls, rest = _take(_URL, rest)
    dates, rest = _take(_DATE, rest)
    sums = [found.strip() for found in _SUM.findall(rest)]
    ids = [found for found in _ID.findall(rest) if found not in known_words]
    for found in sorted(ids, key=len, reverse=True):
        rest = rest.replace(found, " ")
    return Clues(
        text=text,
        ids=_unique(ids),
        emails=_unique(emails),
        urls=_unique(urls),
        dates=_unique([*dates, *_relative_dates(rest)]),
        numbers=_unique([_number(found) for found in _NUMBER.findall(rest)]),
        quoted=_unique([next(filter(None, groups)) for groups in _QUOTED.findall(text)]),
        names=_unique(_split_names(rest)),
        places=_unique([found.strip() for found in _PLACE.findall(rest)]),
        sums=_unique(sums),
    )


def _take(pattern: re.Pattern[str], text: str) -> tuple[list[str], str]:
    """What `pattern` finds, and the text without it, so that an address is not read again as words and numbers."""
    return pattern.findall(text), pattern.sub(" ", text)


def _unique(found: list[Found]) -> tuple[Found, ...]:
    return tuple(dict.fromkeys(found))


def _number(text: str) -> int | float:
    plain = text.replace(",", "")
    return float(plain) if "." in plain else int(plain)


def _relative_dates(text: str) -> Iterator[str]:
    today = datetime.now(UTC).date()
    for word in re.findall(r"[a-z]+", text.lower()):
        if word in _DAYS:
            yield (today + timedelta(days=_DAYS[word])).isoformat()


def _split_names(text: str) -> list[str]:
    found: list[str] = []
    for phrase in _NAMES.findall(text):
        # "San Francisco, CA" is one place; "Paris, Rome and Oslo" are three.
        listed = re.search(r" (?:and|or) ", phrase)
        found += re.split(r", and |, or |, | and | or " if listed else r" and ", phrase)
    return [name.rstrip(".") for name in found]
