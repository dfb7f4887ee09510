"""A finished response, told as the events of the Responses wire format.

Source: the event types of ``openai.types.responses``; the order is the one that OpenAI's API reference shows for
``POST /v1/responses`` with ``stream: true``.
"""

import itertools
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Json = dict[str, Any]
Cut = Callable[[str], Sequence[str]]

ENDINGS = {"completed": "response.completed", "incomplete": "response.incomplete", "failed": "response.failed"}


def new_id(prefix: str) -> str:
    """A random id such as ``resp_6f…``."""
    return f"{prefix}_{secrets.token_hex(20)}"


def message(text: str, status: str = "completed") -> Json:
    """An assistant message with one text part."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"id": new_id("msg"), "type": "message", "role": "assistant", "status": status, "content": [part]}


def refusal(text: str) -> Json:
    """An assistant message that declines."""
    part = {"type": "refusal", "refusal": text}
    return {"id": new_id("msg"), "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def function_call(name: str, arguments: str, status: str = "completed", namespace: str = "") -> Json:
    """A call that the client must answer; `arguments` is JSON text."""
    item = {
        "id": new_id("fc"),
        "type": "function_call",
        "status": status,
        "call_id": new_id("call"),
        "name": name,
        "arguments": arguments,
    }
    return {**item, "namespace": namespace} if namespace else item


def reasoning(summary: Sequence[str], encrypted_content: str | None = None) -> Json:
    """A reasoning item; `encrypted_content` is there only where the client asked for it."""
    parts = [{"type": "summary_text", "text": text} for text in summary]
    item: Json = {"id": new_id("rs"), "type": "reasoning", "summary": parts}
    return item if encrypted_content is None else {**item, "encrypted_content": encrypted_content}


def words(text: str) -> list[str]:
    """`text` in pieces of one word with the blanks before it; the pieces joined are `text`."""
    pieces: list[str] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or (text[end].isspace() and not text[end - 1].isspace()):
            pieces.append(text[start:end])
            start = end
    return pieces


def events(response: Json, cut: Cut = words) -> Iterator[Json]:
    """Every event of `response`, which holds its final state, numbered from 0. `cut` splits texts into deltas."""
    numbers = itertools.count()
    for event in _unnumbered(response, cut):
        yield {"type": event.pop("type"), "sequence_number": next(numbers), **event}


def encoded(value: Json) -> bytes:
    """`value` as JSON. Half a surrogate pair, which JSON can spell and UTF-8 cannot, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def sse(event: Json) -> bytes:
    """One event as a frame of a ``text/event-stream``."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), encoded(event))


def _unnumbered(response: Json, cut: Cut) -> Iterator[Json]:
    early = {**response, "status": "in_progress", "output": [], "usage": None, "error": None}
    early |= {"incomplete_details": None, "completed_at": None}
    yield {"type": "response.created", "response": early}
    yield {"type": "response.in_progress", "response": early}
    for index, item in enumerate(response["output"]):
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}
        for event in _inside(item, cut):
            yield {**event, "item_id": item["id"], "output_index": index}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": ENDINGS[response["status"]], "response": response}


def _begun(item: Json) -> Json:
    """`item` as it looks before its first delta."""
    empty: dict[str, Json] = {
        "message": {"status": "in_progress", "content": []},
        "function_call": {"status": "in_progress", "arguments": ""},
        "reasoning": {"summary": []},
    }
    return {**item, **empty.get(item["type"], {})}


def _inside(item: Json, cut: Cut) -> Iterator[Json]:
    if item["type"] == "message":
        for index, part in enumerate(item["content"]):
            for event in _content_part(part, cut):
                yield {**event, "content_index": index}
    elif item["type"] == "function_call":
        for piece in cut(item["arguments"]):
            yield {"type": "response.function_call_arguments.delta", "delta": piece}
        yield {"type": "response.function_call_arguments.done", "arguments": item["arguments"]}
    elif item["type"] == "reasoning":
        for index, part in enumerate(item["summary"]):
            for event in _summary_part(part, cut):
                yield {**event, "summary_index": index}


def _content_part(part: Json, cut: Cut) -> Iterator[Json]:
    refused = part["type"] == "refusal"
    key, name = ("refusal", "response.refusal") if refused else ("text", "response.output_text")
    extra: Json = {} if refused else {"logprobs": []}
    yield {"type": "response.content_part.added", "part": {**part, key: ""}}
    for piece in cut(part[key]):
        yield {"type": f"{name}.delta", "delta": piece, **extra}
    yield {"type": f"{name}.done", key: part[key], **extra}
    yield {"type": "response.content_part.done", "part": part}


def _summary_part(part: Json, cut: Cut) -> Iterator[Json]:
    yield {"type": "response.reasoning_summary_part.added", "part": {**part, "text": ""}}
    for piece in cut(part["text"]):
        yield {"type": "response.reasoning_summary_text.delta", "delta": piece}
    yield {"type": "response.reasoning_summary_text.done", "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", "part": part}
