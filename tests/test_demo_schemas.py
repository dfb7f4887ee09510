"""The demo model answers in JSON where that is asked for: valid, and from the message."""

import json

import jsonschema
import pytest

from tests.demo_client import Json

pytest_plugins = ["tests.demo_fixtures"]


SCHEMAS: list[Json] = [
    {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "when": {"type": "string", "format": "date"},
            "count": {"type": "integer", "minimum": 3},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2},
            "note": {"type": ["string", "null"]},
            "nested": {"$ref": "#/$defs/inner"},
        },
        "required": ["name", "when", "count", "tags", "note", "nested"],
        "additionalProperties": False,
        "$defs": {
            "inner": {
                "type": "object",
                "properties": {"code": {"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"}},
                "required": ["code"],
                "additionalProperties": False,
            }
        },
    },
    {
        "type": "object",
        "properties": {"value": {"type": "string"}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["value", "next"],
        "additionalProperties": False,
    },
    {"type": "object", "properties": {"a": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}}},
    {
        "type": "array",
        "items": {"type": "integer", "multipleOf": 5, "minimum": 12},
        "minItems": 3,
        "uniqueItems": True,
    },
    {"type": "array", "items": {"anyOf": [{"type": "string", "pattern": "^[A-Z]{2}\\d+$"}]}, "minItems": 2},
    {"allOf": [{"type": "object", "properties": {"x": {"const": 1}}, "required": ["x"]}, {"required": ["x"]}]},
    {"type": "object", "properties": {"s": {"type": "string", "minLength": 30, "maxLength": 31}}, "required": ["s"]},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_a_json_schema_gets_a_valid_value(say, schema):
    wanted = {"format": {"type": "json_schema", "name": "answer", "schema": schema}}
    for said in ("Hello", "Alice meets Bob on 2026-02-03, 7 of them, AB-123"):
        jsonschema.validate(json.loads(say(said, text=wanted)), schema)


def test_a_json_schema_is_filled_from_the_message(say):
    schema = SCHEMAS[0]
    said = say(
        '"Launch" on 2026-02-03 with 7 people', text={"format": {"type": "json_schema", "name": "x", "schema": schema}}
    )
    found = json.loads(said)
    assert (found["name"], found["when"], found["count"]) == ("Launch", "2026-02-03", 7)


def test_json_object_gets_an_object(say):
    assert isinstance(json.loads(say("Hello", text={"format": {"type": "json_object"}})), dict)
