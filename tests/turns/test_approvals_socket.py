"""Tools that ask, in the browser: a turn waits in storage until a person has decided."""

import json

import pytest

from tests.turns.decisions import INVOICE, decide, made_calls, query, until_asked, wait_suspended, waits
from tests.upstream import calls, text
from tests.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("asking")]


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
