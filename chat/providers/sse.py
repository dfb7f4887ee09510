"""Server-sent events from bytes (WHATWG HTML, section 9.2), each event's JSON decoded once.

Works on bytes, so that a character split between two reads stays whole.
"""

import re
from typing import Any

import orjson

from chat.providers.errors import UpstreamMalformed

MAX_EVENT_BYTES = 32 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Decoder:
    """One stream's events, from its bytes as they come. `done` once it said ``[DONE]``."""

    def __init__(self) -> None:
        self.done = False
        self._malformed = False
        self._parts: list[bytes] = []  # of a line that has not ended; joined once, so that a 10 MB line stays linear
        self._held = 0
        self._data: list[bytes] = []
        self._first = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        """The events that `chunk` completes. Raises UpstreamMalformed, but hands out what came before it first."""
        self.finish()
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_newlines(chunk)
        head, newline, tail = chunk.rpartition(b"\n")
        self._held += len(chunk)
        if self._held > MAX_EVENT_BYTES:
            raise UpstreamMalformed
        if not newline:
            self._parts.append(chunk)
            return []
        self._parts.append(head)
        lines = b"".join(self._parts).split(b"\n")
        if self._first:
            lines[0], self._first = lines[0].removeprefix(_BOM), False
        self._parts = [tail]
        events = self._events(lines)
        self._held = len(tail) + sum(map(len, self._data))
        if not events:
            self.finish()
        return events

    def finish(self) -> None:
        """The stream is over. Raises UpstreamMalformed where its last events said so."""
        if self._malformed:
            raise UpstreamMalformed

    def _events(self, lines: list[bytes]) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        data = self._data
        for line in lines:
            if line[:5] == b"data:":
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and data:
                payload = data[0] if len(data) == 1 else b"\n".join(data)
                data.clear()
                if payload == b"[DONE]":
                    self.done = True
                    break
                event = _decoded(payload)
                if event is None:
                    self._malformed = True
                    break
                events.append(event)
        return events

    def _with_newlines(self, chunk: bytes) -> bytes:
        """The chunk with every line ending as LF; a CRLF may be split between two chunks."""
        if self._after_cr and chunk[:1] == b"\n":
            chunk = chunk[1:]
        self._after_cr = chunk[-1:] == b"\r"
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def decoded(payload: bytes) -> Any:
    """JSON from an upstream, U+0000 as U+FFFD, since PostgreSQL cannot store it. Raises orjson.JSONDecodeError."""
    if b"\\u0000" in payload:
        payload = _NUL.sub(rb"\1\\ufffd", payload)
    return orjson.loads(payload)


_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # behind a backslash that is itself escaped, it is text


def _decoded(payload: bytes) -> dict[str, Any] | None:
    try:
        event = decoded(payload)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None
