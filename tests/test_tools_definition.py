"""A tool file is taken whole or refused with a sentence that says where."""

from typing import Any

import pytest

from chat.tools import definition
from chat.tools.errors import InvalidTool
from tests.tool_api import tool

URL = "https://api.example.com/v1/invoices/{id}"


def refusal(entry: Any) -> InvalidTool:
    with pytest.raises(InvalidTool) as raised:
        definition.parse([entry])
    return raised.value


def test_the_contracts_example_is_a_tool():
    (one,) = definition.parse([tool(URL)])
    assert (one.name, one.host, one.request.timeout) == ("get_invoice", "api.example.com", 5)
    assert one.credential is not None
    assert (one.credential.label, one.credential.place) == ("stripe-prod", "bearer")
    assert one.function_schema()["parameters"]["required"] == ["id"]


def test_a_definition_comes_back_from_its_data_unchanged():
    entry = tool(URL, credential={"label": "k", "in": "header:X-Api-Key"}, request={"query": {"expand": "{id}"}})
    (one,) = definition.parse([entry])
    assert definition.from_stored(one.as_data()) == one
    assert definition.parse([one.as_data()]) == [one]


def test_one_bad_tool_refuses_the_whole_file():
    with pytest.raises(InvalidTool) as raised:
        definition.parse([tool(URL), tool(URL, name="no spaces")])
    assert raised.value.index == 1


def test_the_same_name_twice_is_refused():
    with pytest.raises(InvalidTool, match="used twice"):
        definition.parse([tool(URL), tool(URL)])


@pytest.mark.parametrize("data", [{}, "[]", None, 7, [[]], ["x"]])
def test_what_is_no_list_of_objects_is_refused(data):
    with pytest.raises(InvalidTool):
        definition.parse(data)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": "get invoice"}),
        ("name", {"name": "x" * 65}),
        ("description", {"description": " "}),
        ("parameters", {"parameters": {"type": "array"}}),
        ("parameters", {"parameters": {"type": "object", "properties": {"id": {"type": "strin"}}}}),
        ("parameters", {"parameters": {"type": "object", "properties": {"id": {"$ref": "https://x.example/s"}}}}),
        ("parameters", {"parameters": {"type": "object", "properties": {"id": {"pattern": "("}}}}),
        ("parameters", {"parameters": {"type": "object", "patternProperties": {"(a+)+$": {}}}}),
        ("request", {"request": None}),
        ("request.method", {"request": {"method": "TRACE"}}),
        ("request.timeout", {"request": {"timeout": 0}}),
        ("request.timeout", {"request": {"timeout": 121}}),
        ("request.timeout", {"request": {"timeout": True}}),
        ("request.idempotent", {"request": {"idempotent": "yes"}}),
        ("request.body", {"request": {"body": {"a": 1}}}),
        ("request.headers", {"request": {"headers": {"Host": "other"}}}),
        ("request.headers", {"request": {"headers": {"Content-Length": "1"}}}),
        ("request.headers", {"request": {"headers": {"Authorization": "Bearer sk_live_x"}}}),
        ("request.headers", {"request": {"headers": {"X\r\nY": "1"}}}),
        ("request.query", {"request": {"query": {"a": "{nobody}"}}}),
        ("request.secret", {"request": {"secret": 1}}),
        ("credential", {"credential": "stripe-prod"}),
        ("credential.in", {"credential": {"label": "k", "in": "cookie"}}),
        ("credential.in", {"credential": {"label": "k", "in": "header:Host"}}),
        ("credential.in", {"credential": {"label": "k", "in": "query:"}}),
        ("credential.label", {"credential": {"label": "", "in": "bearer"}}),
        ("result", {"result": "{id: "}),
        ("result", {"result": None}),
        ("approval", {"approval": "maybe"}),
        ("colour", {"colour": "teal"}),
    ],
)
def test_a_bad_field_is_named(field, changes):
    entry = tool(URL, **({} if changes == {"request": None} else changes))
    if changes == {"request": None}:
        del entry["request"]
    error = refusal(entry)
    assert error.field == field
    assert field in error.sentence


@pytest.mark.parametrize(
    "url",
    [
        "https://{id}.example.com/v1",
        "https://api.example.com{id}/v1",
        "https://api.example.com:{id}/v1",
        "https://user:secret@api.example.com/{id}",
        "https://api.example.com@evil.example/{id}",
        "https://api.example.com\\@evil.example/{id}",
        "ftp://api.example.com/{id}",
        "file:///etc/passwd",
        "//api.example.com/{id}",
        "https://api.example.com/../{id}",
        "https://api.example.com/%2e%2E/{id}",
        "https://api.example.com/ {id}",
        "https://exämple.com/{id}",
        "https://api.example.com./{id}",
        "https://api.example.com:99999/{id}",
        "https:///{id}",
        "https://api.example.com/{nobody}",
        "https://api.example.com/{id}#fragment",
        "demo://api/{id}",
        "demo:v1/{id}",
    ],
)
def test_an_address_that_is_not_plain_is_refused(url):
    assert refusal(tool(url)).field == "request.url"


def test_the_arguments_of_a_path_must_be_required():
    parameters = {"type": "object", "properties": {"id": {"type": "string"}}}
    assert "require" in refusal(tool(URL, parameters=parameters)).sentence


def test_a_credential_does_not_share_its_place_with_a_template():
    changes = {"credential": {"label": "k", "in": "query:key"}, "request": {"query": {"key": "{id}"}}}
    assert refusal(tool(URL, **changes)).field == "credential.in"


def test_a_property_named_like_a_keyword_is_only_a_name():
    parameters = {
        "type": "object",
        "properties": {"id": {"type": "string"}, "$ref": {"type": "string"}},
        "required": ["id"],
    }
    assert definition.parse([tool(URL, parameters=parameters)])
