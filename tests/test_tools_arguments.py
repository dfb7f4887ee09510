"""A model's arguments: by the schema, bounded, and each encoded for its place."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.tools import arguments, definition, templating
from chat.tools.definition import ToolDefinition
from chat.tools.errors import InvalidArguments
from tests.tool_api import tool

URL = "https://api.example.com/v1/invoices/{id}"
ANY: dict[str, Any] = {"type": "object", "properties": {"id": {}, "x": {}, "y": {}}, "required": ["id"]}


def one(url: str = URL, **changes: Any) -> ToolDefinition:
    return definition.parse([tool(url, **changes)])[0]


def any_of(**request: Any) -> ToolDefinition:
    return one(parameters=ANY, request=request)


# --- the schema -------------------------------------------------------------------------------------------------


def test_good_arguments_come_back():
    assert arguments.validate(one(), '{"id": "in_1"}') == {"id": "in_1"}


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{}",
        "[]",
        "null",
        "{",
        '{"id": 7}',
        '{"id": "a", "more": 1}',
        '{"id": NaN}',
        '{"id": "\\ud800"}',
        '{"id": "' + "x" * arguments.MAX_BYTES + '"}',
        '{"id": ' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
def test_bad_arguments_are_refused(raw):
    with pytest.raises(InvalidArguments):
        arguments.validate(one(), raw)


def test_deep_arguments_are_refused_though_the_schema_allows_them():
    deep = "[" * 40 + "]" * 40
    with pytest.raises(InvalidArguments, match="invalid_arguments"):
        arguments.validate(any_of(), json.dumps({"id": json.loads(deep)}))


def test_a_slow_pattern_ends():
    schema = {"type": "object", "properties": {"id": {"type": "string", "pattern": "^(a+)+$"}}, "required": ["id"]}
    slow = one(parameters=schema)
    began = time.monotonic()
    with pytest.raises(InvalidArguments):
        arguments.validate(slow, json.dumps({"id": "a" * 5000 + "!"}))
    assert time.monotonic() - began < 30


def test_references_that_double_at_each_turn_end():
    defs: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(28)}
    schema = {
        "type": "object",
        "properties": {"id": {"$ref": "#/$defs/d0"}},
        "required": ["id"],
        "$defs": defs | {"d28": {"type": "string"}},
    }
    began = time.monotonic()
    with pytest.raises(InvalidArguments):
        arguments.validate(one(parameters=schema), '{"id": "x"}')
    assert time.monotonic() - began < 30


def test_the_reason_never_repeats_a_value():
    with pytest.raises(InvalidArguments) as raised:
        arguments.validate(one(), '{"id": "in_1", "hunter2": "hunter2"}')
    assert "hunter2" not in raised.value.reason


# --- the places -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("in_1", "/v1/invoices/in_1"),
        ("a/b", "/v1/invoices/a%2Fb"),
        ("a b?c#d&e", "/v1/invoices/a%20b%3Fc%23d%26e"),
        ("%2e%2e", "/v1/invoices/%252e%252e"),
        ("ü", "/v1/invoices/%C3%BC"),
        (7, "/v1/invoices/7"),
        (True, "/v1/invoices/true"),
        ("{x}", "/v1/invoices/%7Bx%7D"),
    ],
)
def test_a_path_argument_stays_in_its_segment(value, path):
    assert templating.fill(any_of(), {"id": value}).path == path


@pytest.mark.parametrize(
    "value", ["", ".", "..", "../customers", "a/../b", "..\\b", "a\r\nb", "\0", None, [1], {"a": 1}]
)
def test_a_path_argument_that_could_climb_or_break_is_refused(value):
    with pytest.raises(InvalidArguments):
        templating.fill(any_of(), {"id": value})


def test_dots_that_template_and_argument_make_together_are_refused():
    with pytest.raises(InvalidArguments):
        templating.fill(one("https://api.example.com/v1/.{id}"), {"id": "."})


@given(st.text(min_size=1, max_size=40))
def test_no_path_argument_changes_the_number_of_segments(value):
    try:
        prepared = templating.fill(any_of(), {"id": value})
    except (InvalidArguments, UnicodeEncodeError):
        return
    assert prepared.path.count("/") == 3
    assert not set(prepared.path) & set("?#\\ \r\n%") - {"%"}


@given(st.text(max_size=40))
def test_no_query_argument_adds_a_parameter(value):
    try:
        prepared = templating.fill(any_of(query={"x": "{x}", "y": "1"}), {"id": "a", "x": value})
    except UnicodeEncodeError:
        return
    assert prepared.query.count("&") == 1
    assert prepared.query.startswith("x=")


def test_the_query_in_the_address_is_a_template_too():
    prepared = templating.fill(one(URL + "?a={x}&b=2&c={y}", parameters=ANY), {"id": "a", "x": "1&d=3"})
    assert prepared.query == "a=1%26d%3D3&b=2"


def test_a_list_repeats_its_parameter_and_an_absent_one_is_left_out():
    prepared = templating.fill(any_of(query={"x": "{x}", "y": "{y}"}), {"id": "a", "x": [1, "b"]})
    assert prepared.query == "x=1&x=b"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "ü", "", " a", "\x7f"])
def test_a_header_argument_cannot_end_its_line(value):
    with pytest.raises(InvalidArguments):
        templating.fill(any_of(headers={"X-Thing": "{x}"}), {"id": "a", "x": value})


def test_a_body_keeps_json_types_and_leaves_out_what_is_absent():
    body = {"n": "{x}", "text": "no. {x}", "absent": "{y}", "list": ["{x}", "{y}"], "literal": "{{x}}", "fixed": 3}
    prepared = templating.fill(any_of(method="POST", body=body), {"id": "a", "x": 7})
    assert json.loads(prepared.body or b"") == {"n": 7, "text": "no. 7", "list": [7], "literal": "{x}", "fixed": 3}
    assert prepared.headers["Content-Type"] == "application/json"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_a_lone_placeholder_is_its_argument(value):
    prepared = templating.fill(any_of(method="POST", body={"x": "{x}"}), {"id": "a", "x": value})
    assert json.loads(prepared.body or b"") == {"x": value}


def test_a_form_is_sent_as_one_where_the_tool_says_so():
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = {"amount": "{x}", "expand[]": "{y}"}
    prepared = templating.fill(
        any_of(method="POST", headers=headers, body=body), {"id": "a", "x": 7, "y": ["a&b", "c"]}
    )
    assert prepared.body == b"amount=7&expand%5B%5D=a%26b&expand%5B%5D=c"
