"""A plain value that satisfies a JSON Schema, for what a message does not say.

Covers what OpenAI's structured outputs and ordinary tool schemas use: types, enum, const, anyOf, oneOf, allOf, local
``$ref``, formats, bounds, ``pattern`` and nesting. Recursion ends at the first depth at which the schema allows it.
Every schema here has been through `schemas.sane`.
"""

import math
from typing import Any

from chat.demo import patterns

Json = dict[str, Any]

_DEEPEST = 3  # below this depth only what is required is made
_LAST = 12  # past any schema that has a finite value at all
_MOST_ITEMS = 100
_LONGEST = 10_000

_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "idn-email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "3f2b8c1e-6d4a-4b7e-9c1d-2a5e8f7b6c40",
}


def resolve(schema: Json, root: Json) -> Json:
    """`schema` with its local reference followed and its ``allOf`` merged; ``{}`` where it says nothing."""
    for _ in range(_LAST):
        if "$ref" in schema:
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**_pointed(schema["$ref"], root), **rest}
        elif "allOf" in schema:
            rest = {key: value for key, value in schema.items() if key != "allOf"}
            schema = _merged([rest, *(resolve(part, root) for part in schema["allOf"])])
        else:
            return schema
    return {}


def kind(schema: Json) -> str:
    """The one type that a value for `schema` gets."""
    types = schema.get("type")
    if isinstance(types, list):
        types = next((each for each in types if each != "null"), "null")
    if isinstance(types, str):
        return types
    for key, implied in (("properties", "object"), ("items", "array"), ("prefixItems", "array")):
        if key in schema:
            return implied
    return "string"


def nullable(schema: Json) -> bool:
    """Whether null is a value of `schema`."""
    types = schema.get("type")
    in_types = "null" in types if isinstance(types, list) else types == "null"
    return in_types or any(nullable(option) for option in _options(schema))


def value_for(schema: Json, root: Json | None = None, depth: int = 0) -> Any:
    """The simplest sensible value of `schema`; `root` holds its definitions."""
    root = schema if root is None else root
    schema = resolve(schema, root)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        if key in schema:
            return schema[key][0]
    if depth >= _DEEPEST and nullable(schema):
        return None
    if options := _options(schema):
        return value_for(_option(schema, options, root, depth), root, depth + 1)
    makers = {"object": _object, "array": _array, "integer": _integer, "number": _number}
    if maker := makers.get(kind(schema)):
        return maker(schema, root, depth)
    return {"boolean": False, "null": None}[kind(schema)] if kind(schema) in ("boolean", "null") else _string(schema)


def _pointed(pointer: str, root: Json) -> Json:
    found: Any = root
    for step in pointer.removeprefix("#").strip("/").split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if step:
            found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _merged(parts: list[Json]) -> Json:
    whole: Json = {}
    for part in parts:
        for key, value in part.items():
            if key == "properties":
                value = {**whole.get(key, {}), **value}
            elif key == "required":
                value = [*whole.get(key, []), *value]
            whole[key] = value
    return whole


def _options(schema: Json) -> list[Any]:
    return [*schema.get("anyOf", []), *schema.get("oneOf", [])]


def _option(schema: Json, options: list[Any], root: Json, depth: int) -> Json:
    """The first option that is more than null, or deep down the last, which is where recursive schemas end."""
    resolved = [resolve(option, root) for option in options]
    simple = [option for option in resolved if option.get("type") not in ("object", "array")]
    useful = [option for option in resolved if option.get("type") != "null"]
    chosen = (simple or resolved)[-1] if depth >= _DEEPEST else (useful or resolved)[0]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
    return _merged([rest, chosen])


def _object(schema: Json, root: Json, depth: int) -> Json:
    if depth >= _LAST:
        return {}
    properties, required = schema.get("properties", {}), schema.get("required", [])
    names = required if depth >= _DEEPEST else [*properties, *required]
    return {name: value_for(properties.get(name, {}), root, depth + 1) for name in dict.fromkeys(names)}


def _array(schema: Json, root: Json, depth: int) -> list[Any]:
    made = [value_for(part, root, depth + 1) for part in schema.get("prefixItems", [])]
    wanted = schema.get("minItems", int(depth < _DEEPEST and "items" in schema))
    while len(made) < min(wanted, _MOST_ITEMS) and depth < _LAST:
        item = resolve(schema.get("items", {}), root)
        values = item.get("enum", [])
        place = len(made) if schema.get("uniqueItems") else 0
        made.append(values[place % len(values)] if values else _different(item, root, depth, place))
    return made[: schema.get("maxItems", len(made))]


def _different(item: Json, root: Json, depth: int, place: int) -> Any:
    """An item that differs from those before it where that is simple, for ``uniqueItems``."""
    made = value_for(item, root, depth + 1)
    if isinstance(made, str) and not {"format", "pattern", "anyOf", "oneOf"} & item.keys() and place:
        return f"{made} {place + 1}"
    return (
        made + place * item.get("multipleOf", 1)
        if isinstance(made, int | float) and not isinstance(made, bool)
        else made
    )


def _integer(schema: Json, root: Json, depth: int) -> int:
    return math.ceil(_number({"multipleOf": 1, **schema}, root, depth))


def _number(schema: Json, _root: Json, _depth: int) -> float:
    """The least multiple that the bounds allow; 1, or what is nearest to it, where there is no lower bound."""
    step: float = schema.get("multipleOf", 0)
    low: float | None = schema.get("minimum")
    high: float | None = schema.get("maximum")
    above: float | None = schema.get("exclusiveMinimum")
    below: float | None = schema.get("exclusiveMaximum")
    if below is not None:
        high = min(below - (step or 0.5), math.inf if high is None else high)
    if above is not None:
        over = above + (step or 0.5)
        over = over if high is None or over <= high else (above + (below if below is not None else high)) / 2
        low = max(over, -math.inf if low is None else low)
    value = low if low is not None else 1 if high is None else min(1, high)
    if not step:
        return value
    rounded = math.ceil(value / step) * step
    return rounded if high is None or rounded <= high else math.floor(value / step) * step


def _string(schema: Json) -> str:
    if "pattern" in schema and (made := patterns.example(schema["pattern"])) is not None:
        return made
    text = _FORMATS.get(schema.get("format", ""), "example")
    least, most = min(schema.get("minLength", 0), _LONGEST), schema.get("maxLength", _LONGEST)
    if len(text) < least:
        text = (f"{text} " * least)[:least]
    return text[:most]
