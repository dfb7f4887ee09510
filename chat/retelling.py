"""A finished response told as a stream again, from what is stored, for a reader who has seen nothing of it.

Its own events are gone: its log lives for a while only, and a response that was asked for as one JSON answer never had
one. Each text comes in one piece.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def events(response: Json) -> Iterator[Json]:
    """The events before the ending one, numbered from 0."""
    for number, event in enumerate(_unnumbered(response)):
        yield {**event, "sequence_number": number}


def _unnumbered(response: Json) -> Iterator[Json]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "error": None, "completed_at": None}
    begun["incomplete_details"] = None
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(response["output"]):
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}
        for event in _inside(item):
            yield {**event, "item_id": item["id"], "output_index": index}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _begun(item: Json) -> Json:
    if item["type"] == "message":
        return {**item, "status": "in_progress", "content": []}
    if item["type"] == "function_call":
        return {**item, "status": "in_progress", "arguments": ""}
    return item


def _inside(item: Json) -> Iterator[Json]:
    if item["type"] == "message":
        for index, part in enumerate(item["content"]):
            for event in _part(part):
                yield {**event, "content_index": index}
    elif item["type"] == "function_call":
        yield {"type": "response.function_call_arguments.delta", "delta": item["arguments"]}
        yield {"type": "response.function_call_arguments.done", "arguments": item["arguments"]}


def _part(part: Json) -> Iterator[Json]:
    if part.get("type") not in ("output_text", "refusal"):
        return
    key, name = ("refusal", "refusal") if part["type"] == "refusal" else ("text", "output_text")
    probabilities = {} if key == "refusal" else {"logprobs": part.get("logprobs") or []}
    yield {"type": "response.content_part.added", "part": {**part, key: ""}}
    yield {"type": f"response.{name}.delta", "delta": part[key], **probabilities}
    yield {"type": f"response.{name}.done", key: part[key], **probabilities}
    yield {"type": "response.content_part.done", "part": part}
