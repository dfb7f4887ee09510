"""JSON Schemas as strangers write them, made safe to walk."""

from typing import Any

Json = dict[str, Any]

_DEEPEST = 32
_NUMBERS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_COUNTS = {"minLength", "maxLength", "minItems", "maxItems"}
_STRINGS = {"$ref", "pattern", "format", "description", "title"}
_SCHEMAS = {"items", "additionalProperties", "not"}
_LISTS_OF_SCHEMAS = {"anyOf", "oneOf", "allOf", "prefixItems"}
_MAPS_OF_SCHEMAS = {"properties", "$defs", "definitions"}
_VALUES = {"const", "default"}


def sane(schema: Any, depth: int = 0) -> Json:
    """`schema` without the keywords that are unknown or of the wrong type, so that no reader has to check them."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return {}
    kept: Json = {}
    for key, value in schema.items():
        if key in _MAPS_OF_SCHEMAS and isinstance(value, dict):
            kept[key] = {name: sane(part, depth + 1) for name, part in value.items()}
        elif key in _LISTS_OF_SCHEMAS and isinstance(value, list) and value:
            kept[key] = [sane(part, depth + 1) for part in value]
        elif key in _SCHEMAS and isinstance(value, dict):
            kept[key] = sane(value, depth + 1)
        elif _plain(key, value):
            kept[key] = value
    return kept


def _plain(key: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if key in _NUMBERS:
        return is_number and (key != "multipleOf" or value > 0)
    if key in _COUNTS:
        return is_number and isinstance(value, int) and value >= 0
    if key in _STRINGS:
        return isinstance(value, str)
    if key == "type":
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))
    if key == "required":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if key == "uniqueItems":
        return isinstance(value, bool)
    return key in _VALUES or (key in ("enum", "examples") and isinstance(value, list) and bool(value))
