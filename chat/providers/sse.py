"""Server-sent events from bytes (WHATWG HTML, section 9.2), each event's JSON decoded once.

Works on bytes, so that a character split between two reads stays whole.
"""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import orjson

from chat.providers.errors import UpstreamMalformed

MAX_EVENT_BYTES = 32 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


async def events(chunks: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream, until it ends or says ``[DONE]``. Raises UpstreamMalformed."""
    parts: list[bytes] = []  # pieces of a line that has not ended; joined once, so that a 10 MB line stays linear
    held = 0
    data: list[bytes] = []
    first = True
    after_cr = False
    async for chunk in chunks:
        if after_cr or b"\r" in chunk:
            chunk, after_cr = _with_newlines(chunk, after_cr)
        head, newline, tail = chunk.rpartition(b"\n")
        held += len(chunk)
        if held > MAX_EVENT_BYTES:
            raise UpstreamMalformed
        if not newline:
            parts.append(chunk)
            continue
        parts.append(head)
        lines = b"".join(parts).split(b"\n")
        if first:
            lines[0], first = lines[0].removeprefix(_BOM), False
        parts = [tail]
        held = len(tail) + sum(map(len, data))
        for line in lines:
            if line[:5] == b"data:":
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and data:
                payload = data[0] if len(data) == 1 else b"\n".join(data)
                data = []
                if payload == b"[DONE]":
                    return
                yield _decode(payload)


def _with_newlines(chunk: bytes, after_cr: bool) -> tuple[bytes, bool]:
    """The chunk with every line ending as LF; a CRLF may be split between two chunks."""
    if after_cr and chunk[:1] == b"\n":
        chunk = chunk[1:]
    ends_in_cr = chunk[-1:] == b"\r"
    return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), ends_in_cr


def _decode(payload: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise UpstreamMalformed from None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise UpstreamMalformed
    return event
