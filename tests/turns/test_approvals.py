"""Tools that ask: a turn waits in storage until a person has decided, whatever happens to its processes meanwhile."""

import json
import sqlite3
import threading
import time
from contextlib import closing
from typing import Any

import pytest
from openai import APIStatusError, BadRequestError

from deny_web import rundir
from tests.infra.app import App, start, wait_for
from tests.tool_api import hold, reply
from tests.upstream import calls, text
from tests.workspace import Socket, Workspace, tool

pytestmark = pytest.mark.e2e
Json = dict[str, Any]
INVOICE = {"id": "in_1", "status": "open"}


@pytest.fixture(autouse=True)
def asking(workspace: Workspace, api) -> None:
    """`refund` asks, `get_invoice` does not."""
    api.handle("/v1/invoices/in_1", reply(INVOICE))
    api.handle("/v1/invoices/in_2", reply(INVOICE | {"id": "in_2"}))
    refund = tool(api.url, "refund", request={"method": "POST", "idempotent": False}, approval="ask")
    workspace.load_tools(tool(api.url), refund)


def until_asked(socket: Socket, count: int = 1) -> tuple[str, list[Json], list[Json]]:
    """The response's id, its events up to the last request, and its requests."""
    events: list[Json] = []
    requests: list[Json] = []
    while len(requests) < count:
        event = socket.event()
        assert event["type"] != "error", event
        if event["type"].startswith("deny_web:"):
            continue
        events.append(event)
        if event["type"] == "response.output_item.done" and event["item"]["type"] == "mcp_approval_request":
            requests.append(event["item"])
    return events[0]["response"]["id"], events, requests


def decide(socket: Socket, request: Json, approve: bool) -> None:
    socket.send(type="deny_web:approve", approval_request_id=request["id"], approve=approve)


def made_calls(events: list[Json]) -> list[Json]:
    return [item for item in events[-1]["response"]["output"] if item["type"] == "mcp_call"]


def wait_suspended(workspace: Workspace, response_id: str) -> None:
    """Return once the turn has no host."""
    wait_for(lambda: waits(workspace, response_id), 20, "the turn was not suspended")


def waits(workspace: Workspace, response_id: str) -> bool:
    row = query(workspace, "SELECT host_id, wait_reason FROM chat_response WHERE id = ?", response_id)
    return row == (None, "approval")


def query(workspace: Workspace, sql: str, *values: object) -> Any:
    with closing(sqlite3.connect(rundir.database_path(workspace.app.data_dir), timeout=20)) as connection:
        found = connection.execute(sql, values).fetchone()
        connection.commit()
    return found


# --- in the browser ---------------------------------------------------------------------------------------------


def test_an_approved_call_runs_and_the_turn_goes_on(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Refunded."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("refund in_1")
        response_id, before, [request] = until_asked(socket)
        assert (request["name"], json.loads(request["arguments"])) == ("refund", {"id": "in_1"})
        assert request["deny_web:request"]["credential"] == "stripe-prod"
        assert request["deny_web:request"]["host"] == api.host
        wait_suspended(workspace, response_id)
        assert not api.requests
        decide(socket, request, True)
        events = before + list(socket.events())
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(len(numbers)))
    [call] = made_calls(events)
    assert (call["status"], json.loads(call["output"])) == ("completed", INVOICE)
    assert call["approval_request_id"] == request["id"]
    kinds = [event["type"].removeprefix("response.") for event in events if event.get("output_index") == 1]
    assert kinds[:2] == ["output_item.added", "mcp_call_arguments.done"]
    assert kinds[-2:] == ["mcp_call.completed", "output_item.done"]
    assert [item["type"] for item in events[-1]["response"]["output"]] == [
        "mcp_approval_request",
        "mcp_call",
        "message",
    ]
    assert len(api.requests) == 1
    sent = upstream.bodies()[1]["input"]
    assert [item["type"] for item in sent] == ["message", "function_call", "function_call_output"]
    assert sent[1]["call_id"] == sent[2]["call_id"]


def test_a_denied_call_is_told_to_the_model_and_never_sent(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Then not."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("refund in_1")
        _, _, [request] = until_asked(socket)
        decide(socket, request, False)
        events = list(socket.events())
    [call] = made_calls(events)
    assert (call["status"], json.loads(call["output"])["error"]) == ("failed", "denied")
    assert call["deny_web:approval"] == "denied"
    assert events[-1]["response"]["status"] == "completed"
    assert json.loads(upstream.bodies()[1]["input"][-1]["output"])["error"] == "denied"
    assert not api.requests


def test_a_call_beside_it_that_needs_nobody_runs_at_once(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"}), ("get_invoice", {"id": "in_2"})), text("Both done."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        response_id, before, [request] = until_asked(socket)
        wait_suspended(workspace, response_id)
        assert [seen.method for seen in api.requests] == ["GET"]
        decide(socket, request, True)
        events = before + list(socket.events())
    assert {call["name"]: call["status"] for call in made_calls(events)} == {
        "refund": "completed",
        "get_invoice": "completed",
    }
    sent = upstream.bodies()[1]["input"]
    assert [item["type"] for item in sent] == [
        *("message", "function_call", "function_call"),
        *("function_call_output", "function_call_output"),
    ]
    assert {item["call_id"] for item in sent[1:3]} == {item["call_id"] for item in sent[3:]}


def test_the_turn_waits_until_each_call_is_decided(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"}), ("refund", {"id": "in_2"})), text("One of two."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        response_id, _, [first, second] = until_asked(socket, 2)
        wait_suspended(workspace, response_id)
        decide(socket, first, True)
        api.wait_for(1)
        assert waits(workspace, response_id)
        decide(socket, second, False)
        events = list(socket.events())
    assert [call["status"] for call in made_calls(events)] == ["completed", "failed"]
    assert len(api.requests) == 1


def test_bad_arguments_ask_nobody(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"wrong": 1})), text("I see."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        events = list(socket.events())
    [call] = made_calls(events)
    assert json.loads(call["output"])["error"] == "invalid_arguments"
    assert call["deny_web:approval"] == "refused"


def test_nobody_decides_in_time(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Too late."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        response_id, _, _ = until_asked(socket)
        wait_suspended(workspace, response_id)
        query(
            workspace,
            "UPDATE chat_toolcall SET approval_expires_at = '2020-01-01 00:00:00' WHERE response_id = ?",
            response_id,
        )
        events = list(socket.events())
    [call] = made_calls(events)
    assert (call["status"], call["deny_web:approval"]) == ("failed", "expired")
    assert events[-1]["response"]["status"] == "completed"
    assert not api.requests


def test_a_second_decision_is_refused(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"}), ("refund", {"id": "in_2"})), text("Done."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        _, _, [first, second] = until_asked(socket, 2)
        decide(socket, first, False)
        decide(socket, first, True)
        while (event := socket.event())["type"] != "error":
            pass
        assert (event["status"], event["error"]["code"]) == (409, "approval_decided")
        assert event["deny_web:approval_request_id"] == first["id"]
        decide(socket, second, False)
        list(socket.events())
    assert not api.requests


def test_other_tabs_of_the_person_hear_of_a_decision(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"}), ("refund", {"id": "in_2"})), text("Done."))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket, workspace.socket(cookie) as other:
        other.event()  # the vault's state: it is in the group now
        socket.create("go")
        response_id, _, [first, second] = until_asked(socket, 2)
        wait_suspended(workspace, response_id)
        decide(socket, first, False)
        while (event := other.event())["type"] != "deny_web:approval":
            pass
        assert (event["approval_request_id"], event["state"]) == (first["id"], "denied")
        other.follow(response_id, -1)  # and one that comes later is told too
        while (event := other.event())["type"] != "deny_web:approval" or event["state"] != "waiting":
            pass
        assert event["approval_request_id"] == second["id"]
        decide(other, second, False)
        list(socket.events())


def test_a_foreign_request_and_an_absent_one_get_the_same_answer(
    workspace: Workspace, other_workspace: Workspace, upstream, api
):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Done."))
    with workspace.socket(workspace.sign_in()) as socket, other_workspace.socket(other_workspace.sign_in()) as stranger:
        socket.create("go")
        _, _, [request] = until_asked(socket)
        answers = []
        for wanted in (request["id"], "mcpr_" + "0" * 40, "", "x"):
            stranger.send(type="deny_web:approve", approval_request_id=wanted, approve=True)
            while (event := stranger.event())["type"] != "error":
                pass
            answers.append((event["status"], event["error"]))
        assert answers[0][0] == 404
        assert all(answer == answers[0] for answer in answers)
        assert not api.requests
        decide(socket, request, False)
        list(socket.events())


def test_a_stop_ends_a_turn_that_waits(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Again."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        response_id, before, [request] = until_asked(socket)
        wait_suspended(workspace, response_id)
        socket.send(type="deny_web:stop", response_id=response_id)
        events = list(socket.events())
        assert events[-1]["type"] == "response.incomplete"
        assert events[-1]["response"]["incomplete_details"]["deny_web:reason"] == "stopped"
        decide(socket, request, True)
        assert socket.event()["error"]["code"] == "response_ended"
        conversation = before[0]["response"]["conversation"]["id"]
        socket.send(type="response.create", input="and now?", conversation=conversation)
        assert list(socket.events())[-1]["type"] == "response.completed"
    # The model is told that the call it once made was not allowed: no upstream takes a call without an output.
    sent = upstream.bodies()[1]["input"]
    assert [item["type"] for item in sent] == ["message", "function_call", "function_call_output", "message"]
    assert json.loads(sent[2]["output"])["error"] == "denied"
    assert not api.requests


def test_a_conversation_that_waits_is_busy_and_says_why(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Done."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        response_id, before, [request] = until_asked(socket)
        wait_suspended(workspace, response_id)
        conversation = before[0]["response"]["conversation"]["id"]
        socket.send(type="response.create", input="hello?", conversation=conversation)
        while (event := socket.event())["type"] != "error":
            pass
        assert (event["status"], event["error"]["code"]) == (409, "conversation_busy")
        assert "decision" in event["error"]["message"]
        decide(socket, request, False)
        list(socket.events())


def test_a_lease_that_changed_since_the_question_opens_nothing(workspace: Workspace, upstream, api):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Locked."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        response_id, _, [request] = until_asked(socket)
        wait_suspended(workspace, response_id)
        workspace.unlock()  # another lease
        decide(socket, request, True)
        events = list(socket.events())
    [call] = made_calls(events)
    assert json.loads(call["output"])["error"] == "vault_locked"
    assert not api.requests


# --- over the API -----------------------------------------------------------------------------------------------


def asked(response: Any) -> list[Any]:
    return [item for item in response.output if item.type == "mcp_approval_request"]


def answer(request: Any, approve: bool, **more: Any) -> Json:
    return {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": approve, **more}


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
    wait_for(lambda: client.responses.retrieve(made.id).status == "completed", 20, "it did not end")
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
    wait_for(lambda: client.responses.retrieve(made.id).status == "completed", 20, "it did not go on")
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
    time.sleep(0.5)
    assert query(workspace, "SELECT count(*) FROM chat_toolcall WHERE response_id = ?", made[1].id) == (0,)
    assert not api.requests


# --- when something goes away -----------------------------------------------------------------------------------


def test_a_waiting_turn_survives_a_kill_of_web_and_a_restart_of_everything(
    workspace: Workspace, upstream, api, app: App
):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("After all that."))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("go")
        response_id, before, [request] = until_asked(socket)
        wait_suspended(workspace, response_id)
    app.kill("web")
    app.stop()
    app.process = start(app.data_dir, app.output, app.env | {"PORT": str(app.port)}).process
    app.wait_ready()
    workspace.unlocked = False  # leases are in Valkey, which keeps nothing
    with workspace.socket(cookie) as socket:
        socket.follow(response_id, -1)
        while (event := socket.event())["type"] != "deny_web:snapshot":
            assert event["type"] != "error"
        assert event["sequence_number"] >= before[-1]["sequence_number"]
        assert [item["id"] for item in event["response"]["output"]] == [request["id"]]
        assert waits(workspace, response_id)
        decide(socket, request, True)
        rest = list(socket.events())
    assert rest[0]["sequence_number"] > event["sequence_number"]
    [call] = made_calls(rest)
    assert json.loads(call["output"])["error"] == "vault_locked"  # the lease that it was proposed under is gone
    assert rest[-1]["response"]["status"] == "completed"


def test_a_host_killed_before_it_suspended_leaves_the_call_waiting(workspace: Workspace, upstream, api, app: App):
    release = threading.Event()
    api.handle("/v1/invoices/in_2", hold(release, reply(INVOICE | {"id": "in_2"})))
    upstream.queue(calls(("refund", {"id": "in_1"}), ("get_invoice", {"id": "in_2"})), text("Both done."))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("go")
        response_id, _, [request] = until_asked(socket)
        api.wait_for(1)
        app.kill("web")  # it waits for the other call, and has not suspended
    release.set()
    wait_suspended(workspace, response_id)
    app.wait_ready()
    with workspace.socket(cookie) as socket:
        decide(socket, request, True)
        socket.follow(response_id, -1)
        events = list(socket.events())
    assert sorted(call["status"] for call in made_calls(events)) == ["completed", "completed"]
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(len(numbers)))
    assert len(api.requests) == 2


def test_a_host_killed_while_a_call_waits_leaves_it_waiting(workspace: Workspace, upstream, api, app: App):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Done."))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("go")
        response_id, _, [request] = until_asked(socket)
        wait_suspended(workspace, response_id)
    for name in ("web", "turns", "tools"):
        app.kill(name)
    app.wait_ready()
    time.sleep(3)  # more than one round of recovery
    assert waits(workspace, response_id)
    with workspace.socket(cookie) as socket:
        decide(socket, request, True)
        socket.follow(response_id, -1)
        events = list(socket.events())
    assert [call["status"] for call in made_calls(events)] == ["completed"]
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(len(numbers)))
    assert len(api.requests) == 1
