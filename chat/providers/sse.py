"""Server-sent events from bytes (WHATWG HTML, section 9.2), each event's JSON decoded once.

Works on bytes, so that a character split between two reads stays whole. CRLF and LF end a line; a lone CR, which no
Responses server sends, does not.
"""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import orjson

from chat.providers.errors import UpstreamMalformed

MAX_EVENT_BYTES = 32 * 1024 * 1024


async def events(chunks: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream, until it ends or says ``[DONE]``. Raises UpstreamMalformed."""
    rest = b""
    parts: list[bytes] = []  # pieces of a line that has not ended; joined once, so that a 10 MB line stays linear
    held = 0
    data: list[bytes] = []
    async for chunk in chunks:
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            parts.append(chunk)
            held += len(chunk)
            if held > MAX_EVENT_BYTES:
                raise UpstreamMalformed
            continue
        parts.append(head)
        rest = b"".join(parts) if len(parts) > 1 else head
        parts, held = ([tail], len(tail)) if tail else ([], 0)
        for line in rest.split(b"\n"):
            if line[-1:] == b"\r":
                line = line[:-1]
            if line[:5] == b"data:":
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and data:
                payload = data[0] if len(data) == 1 else b"\n".join(data)
                data = []
                if payload == b"[DONE]":
                    return
                yield _decode(payload)


def _decode(payload: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise UpstreamMalformed from None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise UpstreamMalformed
    return event
