"""Is this exactly what the openai SDK's own types say? Used wherever the wire format is made or passed on."""

from collections.abc import Iterable
from typing import Any

import orjson
from openai import BaseModel
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

Json = dict[str, Any]

# Sent by OpenAI and demanded by Open Responses, though the SDK's types do not declare them.
UNDECLARED = {"Response": {"store", "presence_penalty", "frequency_penalty"}}
ENDINGS = ("response.completed", "response.incomplete", "response.failed", "error")

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_RESPONSE: TypeAdapter[Any] = TypeAdapter(Response)


def check_response(response: Json) -> None:
    """Fails where `response` lacks a field, has one too many, or has one of another type."""
    _check(_RESPONSE, response)


def check_event(event: Json) -> None:
    """The same for one event."""
    _check(_EVENT, event)


def check_stream(events: Iterable[Json]) -> Json:
    """A whole stream: every event, the numbers, the order, and that its parts add up. Returns the final response."""
    events = list(events)
    for event in events:
        check_event(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events))), "numbers rise by one from 0"
    kinds = [event["type"] for event in events]
    assert kinds[0] == "response.created"
    assert [kind in ENDINGS for kind in kinds] == [False] * (len(kinds) - 1) + [True], "one ending, and it is the last"
    final: Json = events[-1]["response"]
    done = {event["output_index"]: event["item"] for event in events if event["type"] == "response.output_item.done"}
    assert final["output"] == [done[index] for index in sorted(done)]
    for index, item in enumerate(final["output"]):
        _check_deltas(item, [event for event in events if event.get("output_index") == index])
    return final


def _check(adapter: TypeAdapter[Any], value: Json) -> None:
    found = adapter.validate_json(orjson.dumps(value), strict=True)
    _check_nothing_undeclared(found, type(found).__name__)


def _check_nothing_undeclared(value: Any, path: str) -> None:
    if isinstance(value, BaseModel):
        extra = set(value.model_extra or ()) - UNDECLARED.get(type(value).__name__, set())
        assert not extra, f"{path} has fields that the SDK's {type(value).__name__} does not know: {sorted(extra)}"
        for name in value.model_fields_set:
            _check_nothing_undeclared(getattr(value, name, None), f"{path}.{name}")
    elif isinstance(value, list):
        for each in value:
            _check_nothing_undeclared(each, f"{path}[]")


def _check_deltas(item: Json, events: list[Json]) -> None:
    assert events[0]["type"] == "response.output_item.added"
    assert events[-1]["type"] == "response.output_item.done"
    for inner in events[1:-1]:
        assert inner["item_id"] == item["id"]
    told = [event["delta"] for event in events if event["type"].endswith(".delta")]
    if item["type"] == "message":
        written = [part.get("text", part.get("refusal")) for part in item["content"]]
        assert "".join(told) == "".join(written)
    elif item["type"] == "function_call":
        assert "".join(told) == item["arguments"]
