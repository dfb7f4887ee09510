"""An upstream's events told again: our ids and numbers, and nothing that the client did not ask for."""

import uuid
from typing import Any

import pytest
from openai.types.responses.response import IncompleteDetails

from chat import context
from chat.events import EventLog
from chat.providers.errors import UpstreamCut, UpstreamMalformed
from chat.providers.upstream import Upstream
from chat.step import Step
from chat.turn import Caps, Offer, Turn


def make_turn(**request: Any) -> Turn:
    return Turn(
        response_id="resp_x",
        tenant_id=uuid.uuid4(),
        epoch=1,
        door="api",
        stored=False,
        request=request,
        envelope={"id": "resp_x"},
        conversation_id=None,
        upstream=Upstream("u", "http://127.0.0.1/v1", "m", "k"),
        offers={},
        client_functions=frozenset({"mine"}),
        caps=Caps(5, 60, 1000),
        context=[],
        log=EventLog("resp_x", 1, durable=False),
    )


def done(turn: Turn) -> list[str]:
    """The types of the items that readers were told are done."""
    events = [frame.event() for frame in turn.log.frames]
    return [event["item"]["type"] for event in events if event["type"] == "response.output_item.done"]


def feed(turn: Turn, *items: dict[str, Any], ending: str = "response.completed") -> Step:
    step = Step(turn)
    step.feed({"type": "response.created", "response": {"id": "resp_upstream"}})
    for index, item in enumerate(items):
        step.feed({"type": "response.output_item.added", "output_index": index, "item": item})
        step.feed({"type": "response.output_item.done", "output_index": index, "item": item})
    step.feed({"type": ending, "response": {"id": "resp_upstream", "usage": {"total_tokens": 3}}})
    return step


REASONING = {"type": "reasoning", "id": "rs_up", "summary": [], "encrypted_content": "sealed-upstream"}


def test_encrypted_reasoning_is_kept_for_the_chain_and_shown_to_nobody_who_did_not_ask():
    turn = make_turn()
    feed(turn, REASONING)
    assert b"sealed-upstream" not in b"".join(frame.data for frame in turn.log.frames)
    assert context.of_outputs(turn, 0) == [REASONING]


def test_a_client_that_asked_for_encrypted_reasoning_gets_it():
    turn = make_turn(include=["reasoning.encrypted_content"])
    feed(turn, REASONING)
    assert turn.output.snapshot(0)["encrypted_content"] == "sealed-upstream"


def test_the_upstream_s_ids_stay_inside():
    turn = make_turn()
    feed(turn, {"type": "message", "id": "msg_up", "role": "assistant", "content": []})
    seen = b"".join(frame.data for frame in turn.log.frames)
    assert b"msg_up" not in seen
    assert b"resp_upstream" not in seen


def test_a_client_s_function_stays_a_function_and_any_other_is_ours():
    turn = make_turn()
    call = {"type": "function_call", "id": "fc_up", "call_id": "call_1", "arguments": "{}"}
    step = feed(turn, {**call, "name": "mine"}, {**call, "name": "theirs", "call_id": "call_2"})
    assert [item["type"] for item in turn.output.items] == ["function_call", "mcp_call"]
    assert [slot.call and slot.call["call_id"] for slot in step.calls] == ["call_2"]
    assert step.client_calls == 1


def test_inner_created_and_completed_are_swallowed_and_the_usage_is_kept():
    turn = make_turn()
    step = feed(turn)
    assert not turn.log.frames
    assert step.usage == {"total_tokens": 3}
    assert step.upstream_id == "resp_upstream"


def test_items_of_a_server_without_item_events_are_told_all_the_same():
    turn = make_turn()
    step = Step(turn)
    message = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
    step.feed({"type": "response.completed", "response": {"id": "r", "output": [message]}})
    assert [frame.type for frame in turn.log.frames] == ["response.output_item.added", "response.output_item.done"]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "output_index": 4, "delta": "x"},
        {"type": "response.output_item.added", "output_index": 0},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call"}},
        {"type": "response.completed"},
        {"type": "response.created", "response": None},
    ],
)
def test_an_event_that_is_not_as_the_api_says_is_malformed(event):
    with pytest.raises(UpstreamMalformed):
        Step(make_turn()).feed(event)


def test_a_stream_that_just_ends_is_a_cut():
    with pytest.raises(UpstreamCut):
        Step(make_turn()).finish()


@pytest.mark.parametrize("reason", ["max_messages", "length"])
def test_a_step_that_ends_incomplete_says_so_in_a_client_s_terms(reason: str) -> None:
    step = Step(make_turn())
    step.feed({"type": "response.incomplete", "response": {"id": "r", "incomplete_details": {"reason": reason}}})
    IncompleteDetails.model_validate(step.incomplete, strict=True)


def test_a_question_is_shown_once_its_call_can_be_decided():
    """Who answers at once would otherwise be told that there is no such question."""
    turn = make_turn()
    turn.offers["refund"] = Offer(7, {"name": "refund"}, "ask", {"host": "api.example.com"})
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "refund", "arguments": "{}"}
    step = feed(turn, call)
    assert done(turn) == []
    assert [item["type"] for item in turn.output.items] == ["mcp_approval_request"]  # for the ledger
    step.ask()
    assert done(turn) == ["mcp_approval_request"]
    step.ask()
    assert done(turn) == ["mcp_approval_request"]
    numbers = [frame.number for frame in turn.log.frames]
    assert numbers == list(range(len(numbers)))
