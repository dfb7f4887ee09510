"""The bytes of a step: its events, framed, and spoilt where the step says so."""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from chat.demo.resource import resource
from chat.demo.stream import encoded, events
from tests.upstream.steps import Step

Json = dict[str, Any]

LONG = 10 * 1024 * 1024


def response(step: Step, body: Json) -> Json:
    """The finished response object for the request `body`."""
    include = body.get("include") or []
    output = [dict(item) for item in step.output]
    for item in output:
        if "reasoning.encrypted_content" not in include and not step.seals:
            item.pop("encrypted_content", None)
    made = resource(body, output, "max_output_tokens" if step.ending == "incomplete" else None)
    if step.ending == "failed":
        failure = {"code": "server_error", "message": "The script says so."}
        made |= {"status": "failed", "completed_at": None, "error": failure}
    return made


def stream_events(step: Step, body: Json) -> list[Json]:
    """The events, numbered, with the extra ones and the ending that the step wants."""
    made = list(events(response(step, body), lambda text: even(text, step.deltas)))
    if step.ending in ("error", "none"):
        made.pop()
    if step.ending == "error":
        made.append({"type": "error", "code": "server_error", "message": "The script says so.", "param": None})
    for place, event in step.extra:
        made.insert(place, dict(event))
    if "two_endings" in step.malformed:
        made.append(dict(made[-1]))
    if "events_after_ending" in step.malformed:
        made.append(next(dict(event) for event in made if event["type"].endswith(".delta")))
    for number, event in enumerate(made):
        event["sequence_number"] = _number(number, step.malformed)
        if "no_numbers" in step.malformed:
            del event["sequence_number"]
    return made


def frames(step: Step, body: Json) -> Iterator[bytes]:
    """One piece of bytes for each event, comments and markers with the event before them."""
    line = b"\r\n" if "crlf" in step.malformed else b"\r" if "cr" in step.malformed else b"\n"
    made = stream_events(step, body)
    for place, event in enumerate(made):
        lines = _lines(event, place, step.malformed)
        if place == 0 and "bom" in step.malformed:
            lines[0] = b"\xef\xbb\xbf" + lines[0]
        if place == 1 and "long_comment" in step.malformed:
            lines.insert(0, b": " + b"x" * LONG)
        if "comments" in step.malformed:
            lines = [b": keep-alive", b"", *lines]
        if place == len(made) - 1 and "done_marker" in step.malformed:
            lines += [b"", b"data: [DONE]"]
        yield line.join([*lines, b"", b""])


def writes(frame: bytes, malformed: Sequence[str]) -> list[bytes]:
    """`frame` in the pieces in which it goes to the socket."""
    if "one_byte_writes" in malformed:
        return [frame[place : place + 1] for place in range(len(frame))]
    if "split_utf8" in malformed:
        inside = [place for place, byte in enumerate(frame) if byte & 0xC0 == 0x80]
        cuts = [0, *inside[:20], len(frame)]
        return [frame[start:end] for start, end in pairwise(cuts) if start < end]
    return [frame]


def even(text: str, count: int) -> list[str]:
    """`text` in `count` pieces of about one length, fewer where it is shorter than that."""
    size = max(1, -(-len(text) // max(1, count)))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _number(place: int, malformed: Sequence[str]) -> int:
    if "doubled_numbers" in malformed:
        return place // 2
    return place * 2 if "missing_numbers" in malformed else place


def _lines(event: Json, place: int, malformed: Sequence[str]) -> list[bytes]:
    data = [encoded(event)]
    if place == 3 and "bad_json" in malformed:
        data = [b'{"type": "response.output_text.delta", "delta": "cut of']
    if place == 3 and "not_objects" in malformed:
        data = [b"[1, 2, 3]"]
    if "split_data_lines" in malformed:
        data = json.dumps(event, indent=1, ensure_ascii=False).encode().split(b"\n")
    lines = [b"data: " + each for each in data]
    return lines if "no_event_names" in malformed else [b"event: " + event["type"].encode(), *lines]
