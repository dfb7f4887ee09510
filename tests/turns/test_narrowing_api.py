"""Narrowing the workspace's tools over /v1 with the real SDK: a key's settings, a request's forms, and who may call."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from tests.promises import people
from tests.promises.visitor import Visitor
from tests.tool_api import reply
from tests.upstream import calls, text
from tests.workspace import Workspace, tool

pytestmark = pytest.mark.e2e
OWN = {"type": "mcp", "server_label": "deny_web"}


@pytest.fixture
def tools(workspace: Workspace, api) -> None:
    workspace.load_tools(tool(api.url), tool(api.url, "other_invoice"))
    for name in ("in_1", "in_2"):
        api.handle(f"/v1/invoices/{name}", reply({"id": name, "status": "open"}))


@pytest.fixture(scope="module")
def owner(acme: Workspace) -> Iterator[Visitor]:
    with closing(people.owner(acme)) as signed_in:
        yield signed_in


def names(body) -> list[str]:
    return [one["name"] for one in body.get("tools", [])]


def test_a_request_is_offered_what_it_asks_for_and_the_entry_comes_back(workspace: Workspace, tools, upstream):
    upstream.queue(text("ok"), text("ok"), text("ok"))
    client = workspace.client()
    entry = {**OWN, "allowed_tools": ["get_invoice"], "require_approval": "never"}
    made = client.responses.create(model="m", input="hi", tools=[entry])
    assert made.tools[0].allowed_tools == ["get_invoice"]
    assert client.responses.retrieve(made.id).tools == made.tools
    client.responses.create(model="m", input="hi", extra_body={"deny_web:tools": []})
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{**OWN, "name": "other_invoice"}]}
    assert client.responses.create(model="m", input="hi", tool_choice=choice).tool_choice.type == "allowed_tools"
    assert [names(body) for body in upstream.bodies()] == [["get_invoice"], [], ["other_invoice"]]
    assert "deny_web" not in json.dumps(upstream.bodies())


def test_a_call_of_a_tool_that_the_request_left_out_does_not_run(workspace: Workspace, tools, upstream, api):
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("There is no such tool."))
    entry = {**OWN, "allowed_tools": ["other_invoice"]}
    made = workspace.client().responses.create(model="m", input="obey", tools=[entry])
    assert json.loads(made.output[0].output)["error"] == "tool_not_found"
    assert not api.requests


def test_a_choice_of_a_tool_goes_up_as_a_function_once(workspace: Workspace, tools, upstream, api):
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("Open."))
    choice = {**OWN, "name": "get_invoice"}
    made = workspace.client().responses.create(model="m", input="look", tool_choice=choice)
    assert made.tool_choice.to_dict() == choice
    assert [body["tool_choice"] for body in upstream.bodies()] == [{"type": "function", "name": "get_invoice"}, "auto"]


def test_a_request_can_have_a_call_asked_about(workspace: Workspace, tools, upstream, api):
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("Open."))
    client = workspace.client()
    entry = {**OWN, "require_approval": {"always": {"tool_names": ["get_invoice"]}}}
    asked = client.responses.create(model="m", input="look", tools=[entry])
    request = asked.output[-1]
    assert request.type == "mcp_approval_request"
    assert not api.requests
    answer = {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": True}
    done = client.responses.create(model="m", input=[answer], previous_response_id=asked.id, tools=[entry])
    assert done.output_text == "Open."
    assert len(api.requests) == 1


def test_calls_are_counted_over_all_steps(workspace: Workspace, tools, upstream, api):
    upstream.queue(
        calls(("get_invoice", {"id": "in_1"})),
        calls(("get_invoice", {"id": "in_2"}), ("other_invoice", {"id": "in_2"})),
        text("That is all."),
    )
    made = workspace.client().responses.create(model="m", input="look", max_tool_calls=2)
    outputs = [json.loads(item.output) for item in made.output if item.type == "mcp_call"]
    assert [one.get("error") for one in outputs] == [None, None, "too_many_calls"]
    assert [names(body) for body in upstream.bodies()] == [["get_invoice", "other_invoice"]] * 2 + [[]]
    assert len(api.requests) == 2


def test_without_parallel_calls_one_runs_at_a_time(workspace: Workspace, tools, upstream, api):
    upstream.queue(calls(("get_invoice", {"id": "in_1"}), ("other_invoice", {"id": "in_2"})), text("One."))
    made = workspace.client().responses.create(model="m", input="look", parallel_tool_calls=False)
    outputs = [json.loads(item.output) for item in made.output if item.type == "mcp_call"]
    assert [one.get("error") for one in outputs] == [None, "too_many_calls"]
    assert made.parallel_tool_calls is False
    assert len(api.requests) == 1


def test_a_key_s_settings_are_felt_by_its_next_request_over_http_and_socket(
    workspace: Workspace, tools, upstream, owner: Visitor
):
    key = people.make_key(owner, workspace, "member", "narrow", offer="chosen", tools="other_invoice")
    with OpenAI(api_key=key, base_url=f"{workspace.app.url}/v1", max_retries=0) as client:
        upstream.queue(text("a"), text("b"), text("c"))
        client.responses.create(model="m", input="hi")
        with client.responses.connect() as connection:
            connection.response.create(model="m", input="hi")
            assert any(event.type == "response.completed" for event in connection)
        for wanted in ("get_invoice", "never_was"):
            narrowed: Any = [{**OWN, "allowed_tools": [wanted]}]
            with pytest.raises(BadRequestError) as caught:
                client.responses.create(model="m", input="hi", tools=narrowed)
            assert caught.value.code == "tool_not_offered"
        people.set_key_tools(owner, workspace, key, offer="none")
        client.responses.create(model="m", input="hi")
    assert [names(body) for body in upstream.bodies()] == [["other_invoice"], ["other_invoice"], []]
