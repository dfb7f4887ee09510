"""Connections to a Responses API, over HTTP and over the WebSocket.

The HTTP client is a bare protocol, since any client library costs more than the mock it would measure; the WebSocket
client is aiohttp's.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import aiohttp

from bench.load import Answer, Failed, Load, drive

# In quotes it stands in the data line alone: some servers name an event in its data only, others in both.
_DELTA = b'"response.output_text.delta"'
_COMPLETED = b'"response.completed"'
_FRAME_DELTA, _FRAME_COMPLETED = _DELTA.decode(), _COMPLETED.decode()
_FRAME_ENDINGS = (_FRAME_COMPLETED, '"response.failed"', '"response.incomplete"', '"type":"error"')
_START = 1024  # bytes of an answer that are kept, with its id in them
_TIMEOUT = 120.0


class _Http(asyncio.Protocol):
    """One keep-alive connection, streamed or not as the request says."""

    def __init__(self, head: bytes) -> None:
        self._head_sent = head
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self._tail = b""
        self._head = b""
        self._start = b""
        self._deltas = 0
        self._first: float | None = None
        self._completed = False
        self._left: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, though not by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the connection closed in the middle of an answer")

    async def ask(self, body: bytes) -> Answer:
        if not self._transport or self._transport.is_closing():
            raise Failed("the connection closed between two answers")
        self._reset()
        self._done = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self._transport.write(b"%bContent-Length: %d\r\n\r\n%b" % (self._head_sent, len(body), body))
        await asyncio.wait_for(self._done, _TIMEOUT)
        return Answer(began, self._first, time.perf_counter(), self._deltas, self._start)

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._left is None:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data = self._head[:end], self._head[end + 4 :]
            if not head.startswith(b"HTTP/1.1 200"):
                self._fail(f"{head[:40]!r} {data[:300]!r}")
                return
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self._left = int(length[0].partition(b":")[2]) if length else -1
        if len(self._start) < _START:
            self._start += data[:_START]
        if self._left >= 0:
            self._left -= len(data)
            if self._left <= 0:
                self._end()
        else:
            self._streamed(data)

    def _streamed(self, data: bytes) -> None:
        # A mark may lie across two reads, so the end of the one before is looked at again.
        text = self._tail + data
        found = text.count(_DELTA) - self._tail.count(_DELTA)
        if found:
            self._first = self._first or time.perf_counter()
            self._deltas += found
        self._completed = self._completed or _COMPLETED in text
        self._tail = text[-len(_DELTA) - 8 :]
        if not text.endswith(b"0\r\n\r\n"):
            return
        if self._completed:
            self._end()
        else:
            self._fail(f"the stream ended early: {text[-300:]!r}")

    def _end(self) -> None:
        if self._done and not self._done.done():
            self._done.set_result(None)

    def _fail(self, sentence: str) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(Failed(sentence))


class _Socket:
    """One WebSocket."""

    def __init__(self, opened: "aiohttp.ClientWebSocketResponse[Literal[True]]") -> None:
        self._opened = opened

    async def ask(self, body: bytes) -> Answer:
        # Not `receive`'s own time-out: the server's pings begin that anew.
        async with asyncio.timeout(_TIMEOUT):
            return await self._ask(body.decode())

    async def _ask(self, asked: str) -> Answer:
        start, first, deltas = "", None, 0
        began = time.perf_counter()
        await self._opened.send_str(asked)
        while True:
            message = await self._opened.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise Failed(f"the WebSocket ended in the middle of an answer: {message.type.name} {message.data}")
            data = message.data
            mark = data[:160]
            start = start or data[:_START]
            if _FRAME_DELTA in mark:
                first = first or time.perf_counter()
                deltas += 1
            elif any(ending in mark for ending in _FRAME_ENDINGS):
                if _FRAME_COMPLETED not in mark:
                    raise Failed(data[:300])
                return Answer(began, first, time.perf_counter(), deltas, start.encode())


@asynccontextmanager
async def over_http(url: str, key: str, count: int, line: str = "POST /responses") -> AsyncIterator[list[_Http]]:
    """So many HTTP connections, for requests that begin with `line`."""
    place = urlsplit(url)
    method, _, path = line.partition(" ")
    head = (
        f"{method} {place.path}{path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    opened: list[_Http] = []
    try:
        while len(opened) < count:
            made = await loop.create_connection(lambda: _Http(head), place.hostname or "", place.port or 80)
            opened.append(made[1])
        yield opened
    finally:
        for one in opened:
            one.close()


@asynccontextmanager
async def over_socket(url: str, key: str, count: int) -> AsyncIterator[list[_Socket]]:
    """So many WebSockets."""
    unlimited = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {key}"}, connector=unlimited) as session:
        address = url.replace("http", "ws", 1) + "/responses"
        opened = [await session.ws_connect(address, max_msg_size=0) for _ in range(count)]
        try:
            yield [_Socket(one) for one in opened]
        finally:
            # All at once: each waits for the server to say that it closes too.
            await asyncio.gather(*(one.close() for one in opened))


async def http(url: str, key: str, body: dict[str, Any], *, connections: int, **how: Any) -> Load:
    """Requests over HTTP, streamed or not as `body` says; see `drive` for `how`."""
    async with over_http(url, key, connections) as opened:
        return await drive(opened, body, **how)


async def socket(url: str, key: str, body: dict[str, Any], *, connections: int, **how: Any) -> Load:
    """Responses over the WebSocket protocol; see `drive` for `how`."""
    async with over_socket(url, key, connections) as opened:
        return await drive(opened, frame(body), **how)


def frame(body: dict[str, Any]) -> dict[str, Any]:
    """The request `body` as the WebSocket takes it."""
    return {"type": "response.create", **{name: value for name, value in body.items() if name != "stream"}}
