"""A mock upstream that costs as little as it can: every byte is made before the first request.

The model's name says how it answers: ``burst-100`` sends 100 deltas at once, ``paced-200-10`` sends 200 deltas 10 ms
apart; with ``tool-`` in front it asks for the tool ``get_status`` first, and answers once it has its result. Without
``stream`` it answers with one JSON body. A GET is that tool's API. ``python -m bench.mock PORT`` serves on loopback.
"""

import asyncio
import os
import re
import sys
from functools import cache
from typing import cast

from chat.demo.resource import resource
from chat.demo.stream import Json, encoded, events, function_call, message, sse, words

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_LAST = b"0\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_MODEL = re.compile(rb'"model": *"(tool-)?(burst|paced)-(\d+)(?:-(\d+))?"')
_STREAM = re.compile(rb'"stream": *true')
_RESULT = re.compile(rb'"type": *"function_call_output"')

TOOL = "get_status"
STATUS = {"id": "job_1", "status": "done"}


@cache
def frames(deltas: int) -> tuple[bytes, tuple[bytes, ...], bytes]:
    """The chunks of a streamed answer: before the deltas, each delta, after them."""
    told = list(events(_answer(deltas), words))
    chunks = _chunks(told)
    places = [place for place, event in enumerate(told) if event["type"] == "response.output_text.delta"]
    first, last = places[0], places[-1] + 1
    return _HEAD + b"".join(chunks[:first]), tuple(chunks[first:last]), b"".join(chunks[last:]) + _LAST


@cache
def whole(deltas: int) -> bytes:
    """The JSON answer, with its head."""
    return _json(_answer(deltas))


@cache
def asking(stream: bool) -> bytes:
    """The answer that asks for the tool."""
    response = _response(function_call(TOOL, '{"id":"job_1"}'))
    return _HEAD + b"".join(_chunks(list(events(response, words)))) + _LAST if stream else _json(response)


@cache
def tool_result() -> bytes:
    """What the tool's API answers."""
    return _json(STATUS)


class Mock(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._next: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, though not by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next:
            self._next.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._received, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            got = self._received.startswith(b"GET ")
            body, self._received = self._received[end + 4 : size], self._received[size:]
            if got and self._transport:
                self._transport.write(tool_result())
            else:
                self._answer(body)

    def _answer(self, body: bytes) -> None:
        assert self._transport
        model = _MODEL.search(body)
        tool, kind, deltas, pause = model.groups() if model else (None, b"burst", b"1", None)
        stream = bool(_STREAM.search(body))
        if tool and not _RESULT.search(body):
            self._transport.write(asking(stream))
        else:
            self._tell(kind, int(deltas), int(pause or 0) / 1000, stream)

    def _tell(self, kind: bytes, deltas: int, pause: float, stream: bool) -> None:
        assert self._transport
        if not stream:
            self._transport.write(whole(deltas))
        elif kind == b"burst":
            before, each, after = frames(deltas)
            self._write_apart([before, *each, after])
        else:
            before, each, after = frames(deltas)
            self._transport.write(before)
            self._tick([*each, after], 0, pause, self._loop.time())

    def _write_apart(self, chunks: list[bytes]) -> None:
        """A system call for each chunk, as servers that flush each event do; uvloop would join them."""
        assert self._transport
        handle = self._transport.get_extra_info("socket").fileno()
        for place, chunk in enumerate(chunks):
            try:
                written = os.write(handle, chunk)
            except BlockingIOError:
                written = 0
            if written < len(chunk):
                self._transport.write(b"".join([chunk[written:], *chunks[place + 1 :]]))
                return

    def _tick(self, chunks: list[bytes], place: int, pause: float, due: float) -> None:
        """Sends one chunk and asks for the next, by the clock, so that a late one does not delay all others."""
        assert self._transport
        self._transport.write(chunks[place])
        if place + 1 < len(chunks):
            self._next = self._loop.call_at(due + pause, self._tick, chunks, place + 1, pause, due + pause)


def _answer(deltas: int) -> Json:
    return _response(message(" ".join(["token"] * deltas)))


def _response(item: Json) -> Json:
    return resource({"model": "mock", "input": "hi"}, [item])


def _chunks(told: list[Json]) -> list[bytes]:
    return [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in map(sse, told)]


def _json(value: Json) -> bytes:
    body = encoded(value)
    return _JSON_HEAD % len(body) + body


async def serve(port: int) -> None:
    """Serves until cancelled."""
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1])))
