"""A turn over /v1, with the real SDK, worker processes, an upstream and a tool's API over HTTP."""

import json
from typing import cast

import pytest
from openai import APIStatusError, NotFoundError

from tests.tool_api import reply
from tests.upstream import calls, error, text, thinking
from tests.workspace import SECRET, Workspace, tool

pytestmark = pytest.mark.e2e


def test_a_stream_is_numbered_without_a_gap_and_ends_with_the_whole_response(workspace: Workspace, upstream):
    upstream.queue(text("Hello from up there.", deltas=7))
    events = list(workspace.client().responses.create(model="m", input="hi", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == (
        "Hello from up there."
    )
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "Hello from up there."
    assert events[-1].response.usage.total_tokens > 0


def test_the_chain_is_replayed_and_nothing_is_stored_upstream(workspace: Workspace, upstream):
    upstream.queue(text("first"), text("second"))
    client = workspace.client()
    first = client.responses.create(model="m", input="one", instructions="Be brief.")
    second = client.responses.create(model="m", input="two", previous_response_id=first.id)
    assert client.responses.retrieve(second.id).previous_response_id == first.id
    body = upstream.bodies()[1]
    said = [item["content"][0]["text"] for item in body["input"]]
    assert said == ["one", "first", "two"]
    assert body["store"] is False
    assert "previous_response_id" not in body
    assert "instructions" not in body  # not carried over by the chain
    assert first.id not in json.dumps(body)


def test_several_calls_in_one_step_run_and_the_model_never_sees_the_key(workspace: Workspace, upstream, api):
    for name in ("in_1", "in_2"):
        api.handle(f"/v1/invoices/{name}", reply({"id": name, "status": "open", "customer_email": "a@b.example"}))
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_1"}), ("get_invoice", {"id": "in_2"})), text("Both are open."))
    response = workspace.client().responses.create(model="m", input="look up in_1 and in_2")
    made = [item for item in response.output if item.type == "mcp_call"]
    assert [(item.name, item.status, json.loads(item.output)) for item in made] == [
        ("get_invoice", "completed", {"id": "in_1", "status": "open"}),
        ("get_invoice", "completed", {"id": "in_2", "status": "open"}),
    ]
    assert {seen.headers["authorization"] for seen in api.requests} == {f"Bearer {SECRET}"}
    assert SECRET not in json.dumps(upstream.requests())
    second = upstream.bodies()[1]["input"]
    assert [item["type"] for item in second[-4:]] == ["function_call"] * 2 + ["function_call_output"] * 2
    assert "customer_email" not in json.dumps(second)


def test_an_unknown_tool_and_bad_arguments_are_told_to_the_model_and_the_turn_goes_on(
    workspace: Workspace, upstream, api
):
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("no_such_tool", {}), ("get_invoice", {"wrong": 1})), text("I see."))
    response = workspace.client().responses.create(model="m", input="go")
    outputs = [json.loads(item.output)["error"] for item in response.output if item.type == "mcp_call"]
    assert outputs == ["tool_not_found", "invalid_arguments"]
    assert response.status == "completed"
    assert not api.requests


def test_a_client_s_own_function_ends_the_response_and_hides_a_tool_of_that_name(workspace: Workspace, upstream, api):
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_9"})), text("Thanks."))
    client = workspace.client()
    mine = {"type": "function", "name": "get_invoice", "parameters": {"type": "object", "properties": {}}}
    first = client.responses.create(model="m", input="go", tools=[mine])
    call = first.output[0]
    assert call.type == "function_call"
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "{}"}
    second = client.responses.create(model="m", input=[output], previous_response_id=first.id, tools=[mine])
    assert second.output_text == "Thanks."
    assert not api.requests
    assert len(upstream.bodies()[0]["tools"]) == 1


def test_a_locked_vault_is_told_to_the_model(workspace: Workspace, upstream, api):
    workspace.load_tools(tool(api.url))
    workspace.lock()
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("It is locked."))
    response = workspace.client().responses.create(model="m", input="go")
    assert json.loads(response.output[0].output)["error"] == "vault_locked"
    assert not api.requests


def test_a_result_that_carries_the_credential_is_withheld(workspace: Workspace, upstream, api):
    api.handle("/v1/invoices/in_1", reply({"id": SECRET.upper(), "status": "open"}))
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("Withheld."))
    response = workspace.client().responses.create(model="m", input="go")
    assert json.loads(response.output[0].output)["error"] == "result_withheld"
    assert SECRET.upper() not in response.model_dump_json() + json.dumps(upstream.requests())


def test_reasoning_is_kept_across_the_chain(workspace: Workspace, upstream):
    upstream.queue(thinking("Let me see.", then=text("Yes.")), text("Still yes."))
    client = workspace.client()
    first = client.responses.create(model="m", input="?", include=["reasoning.encrypted_content"])
    assert first.output[0].type == "reasoning"
    client.responses.create(model="m", input="sure?", previous_response_id=first.id)
    item = upstream.bodies()[1]["input"][1]
    assert item["type"] == "reasoning"
    assert item["encrypted_content"] == "encrypted-by-the-upstream"


@pytest.mark.parametrize("store", [True, False])
def test_reasoning_that_a_client_sends_back_has_its_seal_where_it_is_kept(workspace: Workspace, upstream, store: bool):
    upstream.queue(thinking("Let me see.", then=text("Yes.")).but(seals=True), text("Still yes."))
    client = workspace.client()
    first = client.responses.create(model="m", input="?", store=store)
    items = [{"role": "user", "content": "?"}, *first.output, {"role": "user", "content": "sure?"}]
    assert client.responses.create(model="m", input=items, store=store).output_text == "Still yes."
    told = upstream.bodies()[1]["input"]
    kept = ["reasoning"] if store else []
    assert [item["type"] for item in told] == ["message", *kept, "message", "message"]
    assert [item["encrypted_content"] for item in told if item["type"] == "reasoning"] == [
        "encrypted-by-the-upstream" for _ in kept
    ]


def test_references_name_what_was_stored(workspace: Workspace, upstream):
    upstream.queue(thinking("Let me see.", then=text("Yes.")).but(seals=True), text("Still yes."))
    client = workspace.client()
    first = client.responses.create(model="m", input="?")
    named = [{"type": "item_reference", "id": item.id} for item in first.output]
    made = client.responses.create(model="m", input=[*named, {"role": "user", "content": "sure?"}])
    assert upstream.bodies()[1]["input"][0]["encrypted_content"] == "encrypted-by-the-upstream"
    listed = client.responses.with_raw_response.input_items.list(made.id).text
    assert "encrypted-by-the-upstream" not in listed


def test_a_rate_limit_is_waited_out_before_the_first_byte(workspace: Workspace, upstream):
    upstream.queue(error(429, "rate_limit_exceeded", retry_after=1), error(500), text("At last."))
    assert workspace.client().responses.create(model="m", input="hi").output_text == "At last."
    first, second, *_ = upstream.requests()
    assert second["at"] - first["at"] >= 0.9


def test_what_stays_wrong_upstream_becomes_an_error_without_its_words(workspace: Workspace, upstream):
    upstream.queue(error(401, "invalid_api_key"))
    with pytest.raises(APIStatusError) as caught:
        workspace.client().responses.create(model="m", input="hi")
    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_key_refused"
    assert "script" not in str(caught.value.body)
    assert "upstream-key" not in str(caught.value.body)


def test_a_foreign_id_answers_as_one_that_never_was(workspace: Workspace, other_workspace: Workspace, upstream):
    upstream.queue(text("mine"))
    mine = workspace.client().responses.create(model="m", input="hi")
    stranger = other_workspace.client()
    bodies = []
    for wanted in (mine.id, "resp_" + "0" * 40):
        with pytest.raises(NotFoundError) as caught:
            stranger.responses.retrieve(wanted)
        with pytest.raises(APIStatusError) as chained:
            stranger.responses.create(model="m", input="hi", previous_response_id=wanted)
        bodies.append((caught.value.body, chained.value.body))
    assert bodies[0] == bodies[1]
    assert cast(dict[str, str], bodies[0][1])["code"] == "previous_response_not_found"


def test_delete_and_input_items(workspace: Workspace, upstream):
    upstream.queue(text("hello"))
    client = workspace.client()
    made = client.responses.create(model="m", input="hi")
    assert [item.type for item in client.responses.input_items.list(made.id)] == ["message"]
    client.responses.delete(made.id)
    with pytest.raises(NotFoundError):
        client.responses.retrieve(made.id)


def test_the_step_cap_ends_the_turn_incomplete(workspace: Workspace, upstream, api):
    api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_1"}), times=16))
    response = workspace.client().responses.create(model="m", input="loop for ever")
    assert response.status == "incomplete"
    assert response.incomplete_details.model_extra["deny_web:reason"] == "max_steps"


def test_a_client_that_stores_nothing_leaves_nothing(workspace: Workspace, upstream, app):
    upstream.queue(text("an ephemeral answer"))
    client = workspace.client()
    made = client.responses.create(model="m", input="an ephemeral question", store=False)
    assert made.output_text == "an ephemeral answer"
    with pytest.raises(NotFoundError):
        client.responses.retrieve(made.id)
    for path in app.data_dir.glob("*.sqlite3*"):
        assert b"ephemeral" not in path.read_bytes()
