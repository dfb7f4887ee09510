"""A string that a regular expression matches, for the ``pattern`` of a JSON Schema.

Walks Python's own parse of the expression and takes the first choice at every fork. Look-arounds and back-references
are beyond it; whatever it makes is tried against the expression before it is handed out.
"""

import re
from collections.abc import Callable
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_MOST_REPEATS = 64
_CATEGORIES = {
    ops.CATEGORY_DIGIT: "1",
    ops.CATEGORY_WORD: "a",
    ops.CATEGORY_SPACE: " ",
    ops.CATEGORY_NOT_DIGIT: "a",
    ops.CATEGORY_NOT_WORD: "-",
    ops.CATEGORY_NOT_SPACE: "a",
}
_ALPHABET = "a1A-_ .@/:bcdefghijklmnopqrstuvwxyz0"


def example(pattern: str) -> str | None:
    """A string in which `pattern` is found, or None where none could be made."""
    try:
        made = _sequence(parser.parse(pattern))
        return made if re.search(pattern, made) else None
    except (re.error, RecursionError, KeyError, OverflowError, StopIteration):
        return None


def _sequence(parsed: Any) -> str:
    return "".join(_HANDLERS.get(op, _nothing)(argument) for op, argument in parsed)


def _nothing(_argument: Any) -> str:
    return ""


def _one_of(choices: list[Any]) -> str:
    op, argument = choices[0]
    if op is ops.NEGATE:
        return next(character for character in _ALPHABET if not any(_covers(each, character) for each in choices[1:]))
    if op is ops.LITERAL:
        return chr(argument)
    return chr(argument[0]) if op is ops.RANGE else _CATEGORIES[argument]


def _covers(choice: Any, character: str) -> bool:
    op, argument = choice
    if op is ops.LITERAL:
        return bool(ord(character) == argument)
    if op is ops.RANGE:
        return bool(argument[0] <= ord(character) <= argument[1])
    return _CATEGORIES[argument] == character


def _repeat(argument: Any) -> str:
    least, most, inner = argument
    # One where none would do: an empty id is of no use to a tool.
    times = max(least, 1 if most else 0)
    return _sequence(inner) * min(int(times), _MOST_REPEATS)


_HANDLERS: dict[Any, Callable[[Any], str]] = {
    ops.LITERAL: chr,
    ops.NOT_LITERAL: lambda code: "a" if code != ord("a") else "b",
    ops.ANY: lambda _argument: "a",
    ops.IN: _one_of,
    ops.MAX_REPEAT: _repeat,
    ops.MIN_REPEAT: _repeat,
    ops.POSSESSIVE_REPEAT: _repeat,
    ops.SUBPATTERN: lambda argument: _sequence(argument[3]),
    ops.ATOMIC_GROUP: _sequence,
    ops.BRANCH: lambda argument: _sequence(argument[1][0]),
}
