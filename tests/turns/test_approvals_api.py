"""Tools that ask, over the API: a foreground response ends with its requests, a background one waits for a decision."""

import json
from typing import Any

import pytest
from openai import APIStatusError, BadRequestError

from tests.infra.app import wait_for
from tests.turns.decisions import answer, asked, query, wait_suspended
from tests.upstream import calls, text
from tests.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("asking")]


@pytest.mark.parametrize("approve", [True, False])
def test_the_next_request_answers(workspace: Workspace, upstream, api, approve):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("So be it."))
    client = workspace.client()
    first = client.responses.create(model="m", input="refund in_1")
    assert first.status == "completed"
    [request] = asked(first)
    second = client.responses.create(
        model="m", input=[answer(request, approve, reason="because")], previous_response_id=first.id
    )
    assert [item.type for item in second.output] == ["mcp_call", "message"]
    call = second.output[0]
    assert call.approval_request_id == request.id
    assert json.loads(call.output).get("error") == (None if approve else "denied")
    assert len(api.requests) == approve
    assert [item["type"] for item in upstream.bodies()[1]["input"]] == [
        *("message", "function_call", "function_call_output"),
    ]
    assert [item.type for item in client.responses.retrieve(second.id).output] == ["mcp_call", "message"]


def test_an_answer_streams_and_stands_before_what_was_said_with_it(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"}), ("get_invoice", {"id": "in_2"})), text("Done."))
    client = workspace.client()
    made = client.conversations.create()
    first = client.responses.create(model="m", input="go", conversation=made.id)
    [request] = asked(first)
    said = {"type": "message", "role": "user", "content": "Yes, and be quick."}
    events = list(
        client.responses.create(model="m", input=[said, answer(request, True)], conversation=made.id, stream=True)
    )
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.output[0].status == "completed"
    sent = upstream.bodies()[1]["input"]
    assert [item["type"] for item in sent] == [
        *("message", "function_call", "function_call"),
        *("function_call_output", "function_call_output", "message"),
    ]
    assert len(api.requests) == 2


def test_what_nobody_answered_is_told_as_denied_and_can_still_be_answered_elsewhere(workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Never mind."), text("Done after all."))
    client = workspace.client()
    first = client.responses.create(model="m", input="go")
    client.responses.create(model="m", input="something else", previous_response_id=first.id)
    sent = upstream.bodies()[1]["input"]
    assert [item["type"] for item in sent] == ["message", "function_call", "function_call_output", "message"]
    assert json.loads(sent[2]["output"])["error"] == "denied"
    branch = client.responses.create(model="m", input=[answer(asked(first)[0], True)], previous_response_id=first.id)
    assert branch.output[0].status == "completed"
    assert len(api.requests) == 1


def test_unknown_foreign_and_answered_requests_are_refused_alike(
    workspace: Workspace, other_workspace: Workspace, upstream, api
):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Done."), text("elsewhere"), text("another chain"))
    client, stranger = workspace.client(), other_workspace.client()
    first = client.responses.create(model="m", input="go")
    [request] = asked(first)
    theirs = stranger.responses.create(model="m", input="hi")
    apart = client.responses.create(model="m", input="hi")
    client.responses.create(model="m", input=[answer(request, False)], previous_response_id=first.id)
    unknown = answer(request, True) | {"approval_request_id": "mcpr_" + "0" * 40}
    refusals: list[Any] = []
    for asker, item, before in (
        (client, unknown, first.id),  # never was
        (stranger, answer(request, True), theirs.id),  # foreign
        (client, answer(request, True), first.id),  # answered
        (client, answer(request, True), apart.id),  # of another chain
    ):
        with pytest.raises(BadRequestError) as caught:
            asker.responses.create(model="m", input=[item], previous_response_id=before)
        refusals.append(caught.value.body)
    assert refusals[0]["code"] == "approval_request_not_found"
    assert all(body == refusals[0] for body in refusals)
    assert not api.requests


def test_an_answer_that_is_refused_decides_nothing(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Now."))
    client = workspace.client()
    first = client.responses.create(model="m", input="go")
    [request] = asked(first)
    bad = answer(request, True) | {"approval_request_id": "mcpr_" + "0" * 40}
    with pytest.raises(BadRequestError):
        client.responses.create(model="m", input=[answer(request, True), bad], previous_response_id=first.id)
    assert not api.requests
    second = client.responses.create(model="m", input=[answer(request, True)], previous_response_id=first.id)
    assert second.output[0].status == "completed"


def test_a_client_that_stores_nothing_answers_by_sending_everything_again(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Done."), text("And again."))
    client = workspace.client()
    history: list[Any] = [{"type": "message", "role": "user", "content": "go"}]
    first = client.responses.create(model="m", input=history, store=False)
    [request] = asked(first)
    history += [item.model_dump(exclude_none=True) for item in first.output] + [answer(request, True)]
    second = client.responses.create(model="m", input=history, store=False)
    assert second.output[0].status == "completed"
    assert len(api.requests) == 1
    sent = upstream.bodies()[1]["input"]
    assert [item["type"] for item in sent] == ["message", "function_call", "function_call_output"]
    assert sent[1]["call_id"] == sent[2]["call_id"]
    # What is sent once more is history: the call stands there already.
    history += [item.model_dump(exclude_none=True) for item in second.output]
    client.responses.create(model="m", input=[*history, {"role": "user", "content": "again"}], store=False)
    assert len(api.requests) == 1
    assert query(workspace, "SELECT args FROM chat_toolcall WHERE item_id = ?", request.id.replace("mcpr", "mcp")) == (
        "",
    )


def test_a_socket_that_stores_nothing_answers_from_what_it_remembers(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Done."))
    with workspace.client().responses.connect() as connection:
        connection.response.create(model="m", input="go", store=False)
        first = next(event for event in connection if event.type == "response.completed").response
        item = answer(asked(first)[0], True)
        connection.response.create(model="m", input=[item], store=False, previous_response_id=first.id)
        second = next(event for event in connection if event.type == "response.completed").response
    assert second.output[0].status == "completed"
    assert [item["type"] for item in upstream.bodies()[1]["input"]] == [
        *("message", "function_call", "function_call_output"),
    ]
    assert len(api.requests) == 1


def test_a_background_response_can_answer_too(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Done."))
    client = workspace.client()
    first = client.responses.create(model="m", input="go")
    item = answer(asked(first)[0], True)
    made = client.responses.create(model="m", input=[item], previous_response_id=first.id, background=True)
    wait_for(lambda: client.responses.retrieve(made.id).status == "completed", 60, "it did not end")
    assert [item.type for item in client.responses.retrieve(made.id).output] == ["mcp_call", "message"]
    assert len(api.requests) == 1


def test_a_background_response_waits_and_is_decided_by_its_route(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Done."))
    client = workspace.client()
    made = client.responses.create(model="m", input="go", background=True)
    wait_suspended(workspace, made.id)
    found = client.responses.retrieve(made.id)
    assert found.status == "in_progress"
    [request] = asked(found)
    with pytest.raises(APIStatusError) as caught:
        client.responses.create(model="m", input=[answer(request, True)], previous_response_id=made.id)
    assert caught.value.status_code == 409
    decision = {"approval_request_id": request.id, "approve": True}
    client.post(f"/responses/{made.id}/approvals", body=decision, cast_to=object)
    wait_for(lambda: client.responses.retrieve(made.id).status == "completed", 60, "it did not go on")
    with pytest.raises(APIStatusError) as caught:
        client.post(f"/responses/{made.id}/approvals", body=decision, cast_to=object)
    assert caught.value.status_code == 409
    assert len(api.requests) == 1


def test_a_background_response_that_waits_can_be_cancelled_and_one_deleted(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), calls(("refund", {"id": "in_1"})))
    client = workspace.client()
    made = [client.responses.create(model="m", input="go", background=True) for _ in range(2)]
    for one in made:
        wait_suspended(workspace, one.id)
    assert client.responses.cancel(made[0].id).status == "cancelled"
    client.responses.delete(made[1].id)
    left = "SELECT count(*) FROM chat_toolcall WHERE response_id = ?"
    wait_for(lambda: query(workspace, left, made[1].id) == (0,), 60, "its call outlived it")
    assert not api.requests
