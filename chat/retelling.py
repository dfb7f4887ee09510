"""A finished response told as a stream again, from what is stored, for a reader who has seen nothing of it.

Its own events are gone: its log lives for a while only, and a response that was asked for as one JSON answer never had
one. Each text comes in one piece.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
_REASONED = frozenset({"summary", "content", "encrypted_content"})


def events(response: Json) -> Iterator[Json]:
    """The events before the ending one, numbered from 0."""
    for number, event in enumerate(_unnumbered(response)):
        yield {**event, "sequence_number": number}


def _unnumbered(response: Json) -> Iterator[Json]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "error": None, "completed_at": None}
    begun["incomplete_details"] = None
    queued = {**begun, "status": "queued"}
    yield {"type": "response.created", "response": queued if response.get("background") else begun}
    if response.get("background"):
        yield {"type": "response.queued", "response": queued}
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
    if item["type"] == "mcp_call":
        known = {key: value for key, value in item.items() if key != "deny_web:request"}  # which tells how it went
        return {**known, "status": "in_progress", "arguments": "", "output": None, "error": None}
    if item["type"] == "reasoning":
        known = {key: value for key, value in item.items() if key not in _REASONED}
        return {**known, "summary": [], **({"status": "in_progress"} if item.get("status") else {})}
    return item


def _inside(item: Json) -> Iterator[Json]:
    if item["type"] == "message":
        for index, part in enumerate(item["content"]):
            for event in _part(part):
                yield {**event, "content_index": index}
    elif item["type"] == "function_call":
        yield {"type": "response.function_call_arguments.delta", "delta": item["arguments"]}
        yield {"type": "response.function_call_arguments.done", "arguments": item["arguments"]}
    elif item["type"] == "mcp_call":
        yield from _call(item)
    elif item["type"] == "reasoning":
        yield from _reasoning(item)


def _call(item: Json) -> Iterator[Json]:
    yield {"type": "response.mcp_call_arguments.delta", "delta": item["arguments"]}
    yield {"type": "response.mcp_call_arguments.done", "arguments": item["arguments"]}
    failed = item.get("error") is not None or item.get("status") == "failed"
    if failed or item.get("status") in ("completed", None):  # else it never came to an end
        yield {"type": "response.mcp_call.in_progress"}
        yield {"type": f"response.mcp_call.{'failed' if failed else 'completed'}"}


def _reasoning(item: Json) -> Iterator[Json]:
    for index, part in enumerate(item.get("summary") or []):
        for event in _thought(part, "reasoning_summary_part", "reasoning_summary_text"):
            yield {**event, "summary_index": index}
    for index, part in enumerate(item.get("content") or []):
        for event in _thought(part, "content_part", "reasoning_text"):
            yield {**event, "content_index": index}


def _thought(part: Json, whole: str, name: str) -> Iterator[Json]:
    text = part.get("text") or ""
    yield {"type": f"response.{whole}.added", "part": {**part, "text": ""}}
    yield {"type": f"response.{name}.delta", "delta": text}
    yield {"type": f"response.{name}.done", "text": text}
    yield {"type": f"response.{whole}.done", "part": part}


def _part(part: Json) -> Iterator[Json]:
    if part.get("type") not in ("output_text", "refusal"):
        return
    key, name = ("refusal", "refusal") if part["type"] == "refusal" else ("text", "output_text")
    probabilities = {} if key == "refusal" else {"logprobs": part.get("logprobs") or []}
    yield {"type": "response.content_part.added", "part": {**part, key: ""}}
    yield {"type": f"response.{name}.delta", "delta": part[key], **probabilities}
    yield {"type": f"response.{name}.done", key: part[key], **probabilities}
    yield {"type": "response.content_part.done", "part": part}
