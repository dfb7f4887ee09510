"""A stored response told as a stream again, in events that the SDK's types know."""

import pytest

from chat import retelling
from chat.demo.resource import resource
from chat.demo.stream import function_call, message, reasoning, refusal
from chat.step import mcp_call
from tests.samples import Json, sample
from tests.test_hosted_items import OUTPUTS
from tests.upstream import shapes


def told(*items: Json, **request: Json | bool) -> tuple[list[Json], Json]:
    response = resource({"model": "m"}, items) | request
    return list(retelling.events(response)), response


def test_it_is_a_stream_as_any_other() -> None:
    items = [reasoning(["Hm."]), message("Hello."), refusal("No."), function_call("f", "{}")]
    events, response = told(*items)
    ending = {"type": "response.completed", "response": response, "sequence_number": len(events)}
    assert shapes.check_stream([*events, ending])["output"] == items
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def kinds(events: list[Json]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def call(**changes: Json | str | None) -> Json:
    ended = {"status": "completed", "output": "{}", "deny_web:request": {"host": "api"}}
    return {**mcp_call("mcp_1", "get_invoice", '{"id":1}'), **ended, **changes}


def without_ours(event: Json) -> Json:
    item = {key: value for key, value in event.get("item", {}).items() if not key.startswith("deny_web:")}
    return {**event, "item": item} if item else event


FAILED = {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": "denied"}]}


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        (call(), ["mcp_call.in_progress", "mcp_call.completed"]),
        (call(status=None), ["mcp_call.in_progress", "mcp_call.completed"]),
        (call(status="failed", output=None, error=FAILED), ["mcp_call.in_progress", "mcp_call.failed"]),
        (call(status="incomplete", output=None), []),
    ],
)
def test_a_call_that_ran_here_is_told_from_its_arguments_to_its_outcome(item: Json, outcome: list[str]) -> None:
    events, _ = told(item)
    inside = ["mcp_call_arguments.delta", "mcp_call_arguments.done", *outcome]
    assert kinds(events)[2:] == ["output_item.added", *inside, "output_item.done"]
    for event in events:
        shapes.check_event(without_ours(event))
    begun = events[2]["item"]
    assert (begun["status"], begun["arguments"], begun["output"], begun["error"]) == ("in_progress", "", None, None)
    assert "deny_web:request" not in begun
    assert events[-1]["item"] == item


def test_reasoning_is_told_part_by_part() -> None:
    thought = {**reasoning(["Hm.", "So."], "sealed"), "content": [{"type": "reasoning_text", "text": "All of it."}]}
    events, response = told(thought)
    summary = ["_part.added", "_text.delta", "_text.done", "_part.done"]
    content = ["content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done"]
    inside = [*(f"reasoning_summary{kind}" for kind in summary * 2), *content]
    assert kinds(events)[2:] == ["output_item.added", *inside, "output_item.done"]
    assert events[2]["item"] == {"id": thought["id"], "type": "reasoning", "summary": []}
    ending = {"type": "response.completed", "response": response, "sequence_number": len(events)}
    assert shapes.check_stream([*events, ending])["output"] == [thought]


def test_a_background_response_was_queued_first() -> None:
    events, response = told(message("Hello."), background=True)
    assert kinds(events)[:3] == ["created", "queued", "in_progress"]
    assert [event["response"]["status"] for event in events[:3]] == ["queued", "queued", "in_progress"]
    ending = {"type": "response.completed", "response": response, "sequence_number": len(events)}
    shapes.check_stream([*events, ending])


def test_any_item_is_begun_and_done() -> None:
    items = [{**sample(model), "id": f"item_{index}"} for index, model in enumerate(OUTPUTS)]
    events, _ = told(*items)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == items
