"""The create parameters: what is wrong gets a 400 that names it, what is unknown goes through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat import params
from chat.errors import ApiError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KNOWN = st.sampled_from(
    [
        *("input", "tools", "metadata", "conversation", "store", "stream", "background", "model", "max_output_tokens"),
        *("previous_response_id", "instructions", "deny_web:token", "tool_choice"),
    ]
)


def wrong(body: object) -> ApiError:
    with pytest.raises(ApiError) as caught:
        params.parse(body)
    assert caught.value.status == 400
    return caught.value


def test_a_string_becomes_a_user_message():
    assert params.parse({"input": "hi"}).input == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    ]


def test_the_older_nested_function_form_is_accepted():
    create = params.parse({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]})
    assert create.request["tools"] == [{"type": "function", "name": "f", "parameters": {}}]
    assert create.client_functions == {"f"}


def test_functions_in_a_namespace_belong_to_the_client_too():
    tools = [{"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "inner"}]}]
    assert params.parse({"tools": tools}).client_functions == {"inner"}


def test_what_the_sdk_s_types_let_out_may_be_left_out():
    bare = [{"id": "msg_1"}, {"id": "msg_1", "type": None}]
    assert params.input_items(bare) == [{"id": "msg_1", "type": "item_reference"}] * 2
    output = {"type": "function_call_output", "name": "f", "output": "x"}
    assert params.input_items([output, {**output, "call_id": None}]) == [output, {**output, "call_id": None}]


def test_unknown_parameters_go_up_untouched_and_ours_do_not():
    create = params.parse({"input": "x", "future": {"a": 1}, "store": False, "deny_web:conversation": "new"})
    assert params.upstream_parameters(create.request) == {"future": {"a": 1}, "tools": []}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": 3}, "input"),
        ({"input": [1]}, "input"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"id": "msg_1", "output": "x"}]}, "input[0].type"),
        ({"input": [{"id": 7}]}, "input[0].id"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": 7, "name": "f"}]}, "input[0].call_id"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"stream": "yes"}, "stream"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": 10**19}, "max_output_tokens"),
        ({"metadata": {"k": 1}}, "metadata"),
        ({"metadata": {str(n): "v" for n in range(17)}}, "metadata"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"name": "x"}]}, "tools[0].type"),
        ({"background": True, "store": False}, "background"),
        ({"conversation": {}}, "conversation"),
        ({"previous_response_id": 4}, "previous_response_id"),
        ({"deny_web:token": "short"}, "deny_web:token"),
    ],
)
def test_a_wrong_parameter_is_named(body, param):
    assert wrong(body).param == param


@given(st.dictionaries(KNOWN | st.text(max_size=8), JSON, max_size=6) | JSON)
def test_any_body_is_taken_or_refused_never_an_exception(body):
    try:
        params.parse(body)
    except ApiError as error:
        refusal = error
    else:
        return
    assert refusal.status == 400


@pytest.mark.parametrize(
    ("given", "flat"),
    [
        ("required", "required"),
        ({"type": "function", "name": "f"}, {"type": "function", "name": "f"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ),
        ({"type": "allowed_tools", "tools": 3}, {"type": "allowed_tools", "tools": 3}),
    ],
)
def test_a_choice_names_its_function_as_the_tools_do(given, flat):
    assert params.parse({"tool_choice": given}).request["tool_choice"] == flat
