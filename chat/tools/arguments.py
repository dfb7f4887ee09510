"""A model's arguments against the tool's JSON Schema (2020-12), bounded in size, depth and time."""

import json
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import referencing
import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from chat.tools.errors import InvalidArguments

if TYPE_CHECKING:
    from chat.tools.definition import ToolDefinition

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32
_PATTERN_SECONDS = 0.1
_MAX_REFERENCES = 2000
_references: ContextVar[int] = ContextVar("references")


def _pattern(_: Any, pattern: str, instance: object, __: Any) -> Iterator[ValidationError]:
    """`pattern` with a time limit: `(a+)+$` would otherwise hold a worker's thread for as long as a model likes."""
    if not isinstance(instance, str):
        return
    try:
        found = regex.search(pattern, instance, timeout=_PATTERN_SECONDS)
    except TimeoutError:
        found = None
    if not found:
        yield ValidationError("does not match the pattern")


def _ref(validator: Any, ref: str, instance: object, schema: Any) -> Iterator[ValidationError]:
    """`$ref` with a budget: definitions that each name the next one twice would otherwise double the work each time."""
    _references.set(_references.get() - 1)
    if _references.get() < 0:
        raise InvalidArguments("the tool's schema cannot be followed")
    yield from Draft202012Validator.VALIDATORS["$ref"](validator, ref, instance, schema) or ()


Validator = extend(Draft202012Validator, {"pattern": _pattern, "$ref": _ref})
# jsonschema fetches an unknown $ref from the network unless it is given a registry of its own.
_NO_NETWORK: referencing.Registry[Any] = referencing.Registry()


def depth(value: object) -> int:
    """How many containers are nested in `value`; 0 for a scalar. Counts no further than `MAX_DEPTH` + 1."""
    level, deepest = [value], -1
    while level and deepest <= MAX_DEPTH:
        deepest += 1
        level = [
            child
            for container in level
            if isinstance(container, dict | list)
            for child in (container.values() if isinstance(container, dict) else container)
        ] + [None for container in level if isinstance(container, dict | list) and not container]
    return max(deepest, 0)


def decode(raw: str) -> dict[str, Any]:
    """The JSON object in `raw`; no text at all counts as an empty one, since models send that."""
    try:
        if len(raw.encode()) > MAX_BYTES:
            raise InvalidArguments("the arguments are too long")
        args = json.loads(raw or "{}", parse_constant=_no_constant)
        json.dumps(args, ensure_ascii=False).encode()  # a lone surrogate has no bytes
    except (ValueError, RecursionError):
        raise InvalidArguments("the arguments are not JSON") from None
    if not isinstance(args, dict):
        raise InvalidArguments("the arguments are not a JSON object")
    if depth(args) > MAX_DEPTH:
        raise InvalidArguments("the arguments are nested too deeply")
    return args


def validate(definition: "ToolDefinition", raw: str) -> dict[str, Any]:
    """The arguments of a call. Raises `InvalidArguments`, whose reason names the place and never repeats a value."""
    args = decode(raw)
    _references.set(_MAX_REFERENCES)
    try:
        error = next(Validator(definition.parameters, registry=_NO_NETWORK).iter_errors(args), None)
    except (RecursionError, referencing.exceptions.Unresolvable):
        raise InvalidArguments("the tool's schema cannot be followed") from None
    if error is not None:
        raise InvalidArguments(f"{error.json_path} breaks the schema's {error.validator}")
    return args


def _no_constant(_: str) -> None:
    raise ValueError
