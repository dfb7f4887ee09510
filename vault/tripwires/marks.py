"""What is kept of a honeytoken: keyed hashes of its value's common form, and the form's public measures.

    form   = letters and digits of the value, lower-cased (NFKC, casefold); also reversed, and ROT13
    mark   = [length of the form, place of its first digit or -1, hex HMAC-SHA256(K_t, form)]
    bucket = HMAC-SHA256(K_b, form)[:2]: which rows to try for an API key of no known workspace

Length and place of the first digit are what makes looking for it cheap (`vault.tripwires.search`); of a random value
they tell next to nothing. A dump without the server keys has nothing to try guesses against. With them, a value that is
easy to guess can be guessed: `measure` refuses short ones.

Of a connection string the password is marked by itself too, and of a JSON document its secrets: that is what a thief
takes out of it. A document that has escapings of its own is marked with and without them.
"""

import codecs
import contextlib
import hmac
import json
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from uuid import UUID

from vault import disguises
from vault.errors import InvalidValue
from vault.tripwires import keys

SHORTEST = 12  # letters and digits; fewer are met by chance, or guessed
LONGEST = 4096
_DIFFERENT = 6
_DIGIT = re.compile(r"[0-9]")
_SECRET_FIELD = re.compile(r"(?:key|secret|token|password)$", re.IGNORECASE)


class Mark(NamedTuple):
    """One form of a value. `first` is -1 where the form has no digit."""

    length: int
    first: int
    digest: str


def common(text: str) -> str:
    """The form in which a value is equal to itself in other case, width or punctuation."""
    return disguises.bare(disguises.plain(text))


def measure(value: str) -> str:
    """The value's common form.

    Raises:
        InvalidValue: too short, too long or too plain to be told from ordinary text.
    """
    form = common(value)
    if len(form) > LONGEST:
        raise InvalidValue(f"A honeytoken has at most {LONGEST} letters and digits.")
    if len(form) < SHORTEST or len(set(form)) < _DIFFERENT:
        raise InvalidValue(
            f"A honeytoken needs at least {SHORTEST} letters and digits, {_DIFFERENT} of them different. "
            "A plainer value would be met in ordinary text."
        )
    return form


def of_value(value: str, key_id: int, tenant_id: UUID) -> list[Mark]:
    """The marks of a value, and of the secrets in it. Raises InvalidValue."""
    whole = measure(value)
    parts = [common(view) for text in (value, *_secrets(value)) for view in disguises.views(text)]
    parts = [whole, *(part for part in parts if len(part) >= SHORTEST and len(set(part)) >= _DIFFERENT)]
    key = keys.of_tenant(key_id, tenant_id)
    forms = [turned for form in parts for turned in (form, form[::-1], codecs.encode(form, "rot13"))]
    return [Mark(len(form), first_digit(form), digest(key, form)) for form in dict.fromkeys(forms)]


def digest(key: bytes, form: str) -> str:
    return hmac.digest(key, form.encode(), "sha256").hex()


def same(first: str, second: str) -> bool:
    return hmac.compare_digest(first, second)


def bucket(key_id: int, form: str) -> int:
    """16 bits: too few to link two workspaces' honeytokens, enough to leave few rows to try."""
    return int.from_bytes(hmac.digest(keys.of_buckets(key_id), form.encode(), "sha256")[:2], "big")


def first_digit(form: str) -> int:
    found = _DIGIT.search(form)
    return found.start() if found else -1


def _secrets(value: str) -> Iterator[str]:
    """The password of a connection string, the secrets of a JSON document."""
    with contextlib.suppress(ValueError):
        yield unquote(urlsplit(value.strip()).password or "")
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(value)
        fields = document.items() if isinstance(document, dict) else ()
        yield from (text for name, text in fields if isinstance(text, str) and _SECRET_FIELD.search(name))
