"""JSON from outside, for every door: what could not be stored, or told again, is refused before anything acts on it."""

from typing import Any

import orjson

from chat.errors import bad_request

# The encoder that everything leaves by takes 254 levels; what holds a request in an answer adds some.
MAX_DEPTH = 200
_ENCODER_DEPTH = 254


def read(data: bytes) -> Any:
    """What `data` says. Raises ApiError 400: not JSON, too deep, or with a character that PostgreSQL cannot store.

    Strings with half a surrogate pair and numbers beyond a double are no JSON here either.
    """
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise bad_request("This is not valid JSON.", code="invalid_json") from None
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_too_deep(found):
        raise bad_request(f"This JSON is nested deeper than {MAX_DEPTH} levels.", code="invalid_json")
    if b"\\u0000" in data and _has_nul(found):
        raise bad_request("A string holds the character U+0000, which cannot be stored.", code="invalid_json")
    return found


def _is_too_deep(found: Any) -> bool:
    for _ in range(_ENCODER_DEPTH - MAX_DEPTH):
        found = [found]
    try:
        orjson.dumps(found)
    except orjson.JSONEncodeError:
        return True
    return False


def _has_nul(found: Any) -> bool:
    """The bytes alone do not tell: a backslash can be escaped too."""
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if "\0" in value:
                return True
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
    return False
