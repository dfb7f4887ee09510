"""The load: many connections that ask for responses, and a stopwatch. Times are in seconds.

The HTTP client is a bare protocol, since any client library costs more than the mock it would measure; the WebSocket
client is aiohttp's.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp

_DELTA = b"event: response.output_text.delta"
_FRAME_DELTA = '"response.output_text.delta"'
_ENDINGS = ('"response.completed"', '"response.failed"', '"response.incomplete"', '"type":"error"')
_TIMEOUT = 120.0


class Failed(Exception):
    """The server answered with something else than a complete stream."""


@dataclass
class Load:
    """What a run measured."""

    firsts: list[float] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    deltas: int = 0
    requests: int = 0
    seconds: float = 0.0

    @property
    def first(self) -> float:
        """The median time to the first delta."""
        return median(self.firsts) if self.firsts else 0.0

    @property
    def rate(self) -> float:
        """Deltas a second, over all connections."""
        return self.deltas / self.seconds

    @property
    def requests_rate(self) -> float:
        """Requests a second, over all connections."""
        return self.requests / self.seconds

    def add(self, began: float, first: float | None, deltas: int) -> None:
        """One finished request."""
        now = time.perf_counter()
        if first is not None:
            self.firsts.append(first - began)
        self.lengths.append(now - began)
        self.deltas += deltas
        self.requests += 1


class _Http(asyncio.Protocol):
    """One keep-alive connection; `ask` sends the request and returns when its answer has ended."""

    def __init__(self, request: bytes, load: Load) -> None:
        self._request, self._load = request, load
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self._tail = b""
        self._head = b""
        self._deltas = 0
        self._first: float | None = None
        self._left: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, though not by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(Failed("the connection closed in the middle of an answer"))

    async def ask(self) -> None:
        assert self._transport
        self._reset()
        self._done = asyncio.get_running_loop().create_future()
        self._began = time.perf_counter()
        self._transport.write(self._request)
        await asyncio.wait_for(self._done, _TIMEOUT)
        self._load.add(self._began, self._first, self._deltas)

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        assert self._done
        if self._left is None:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data = self._head[:end], self._head[end + 4 :]
            if not head.startswith(b"HTTP/1.1 200"):
                if not self._done.done():
                    self._done.set_exception(Failed(f"{head[:40]!r} {data[:300]!r}"))
                return
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self._left = int(length[0].partition(b":")[2]) if length else -1
        if self._left >= 0:
            self._left -= len(data)
            if self._left <= 0 and not self._done.done():
                self._done.set_result(None)
            return
        # A mark may lie across two reads, so the end of the one before is looked at again.
        text = self._tail + data
        found = text.count(_DELTA) - self._tail.count(_DELTA)
        if found:
            self._first = self._first or time.perf_counter()
            self._deltas += found
        self._tail = text[-len(_DELTA) - 8 :]
        if text.endswith(b"0\r\n\r\n") and not self._done.done():
            self._done.set_result(None)


async def http(url: str, key: str, body: dict[str, Any], *, connections: int, **how: Any) -> Load:
    """Requests over HTTP, streamed or not as `body` says; see `_drive` for `how`."""
    load = Load()
    place = urlsplit(url)
    data = json.dumps(body).encode()
    head = (
        f"POST {place.path}/responses HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    protocols = []
    for _ in range(connections):
        made = await loop.create_connection(
            lambda: _Http(head.encode() + data, load), place.hostname or "", place.port or 80
        )
        protocols.append(made[1])
    try:
        return await _drive(load, [protocol.ask for protocol in protocols], **how)
    finally:
        for protocol in protocols:
            protocol.close()


async def socket(url: str, key: str, body: dict[str, Any], *, connections: int, **how: Any) -> Load:
    """Responses over the WebSocket protocol; see `_drive` for `how`."""
    load = Load()
    frame = json.dumps({"type": "response.create", **{k: v for k, v in body.items() if k != "stream"}})
    unlimited = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {key}"}, connector=unlimited) as session:
        address = url.replace("http", "ws", 1) + "/responses"
        opened = [await session.ws_connect(address, max_msg_size=0) for _ in range(connections)]
        try:
            return await _drive(load, [_asker(one, frame, load) for one in opened], **how)
        finally:
            for one in opened:
                await one.close()


def _asker(
    connection: "aiohttp.ClientWebSocketResponse[bool]", frame: str, load: Load
) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        began, first, deltas = time.perf_counter(), None, 0
        await connection.send_str(frame)
        while True:
            data = await connection.receive_str(timeout=_TIMEOUT)
            start = data[:160]
            if _FRAME_DELTA in start:
                first = first or time.perf_counter()
                deltas += 1
            elif any(ending in start for ending in _ENDINGS):
                if _ENDINGS[0] not in start:
                    raise Failed(data[:300])
                return load.add(began, first, deltas)

    return ask


async def _drive(
    load: Load, asks: list[Callable[[], Awaitable[None]]], *, seconds: float = 0.0, times: int = 1, spread: float = 0.0
) -> Load:
    """Every connection asks again for `seconds`, or `times` times. Their starts are spread over `spread` seconds."""
    began = time.perf_counter()

    async def one(place: int, ask: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(spread * place / len(asks))
        done = 0
        while done < times or time.perf_counter() - began < seconds:
            await ask()
            done += 1

    async with asyncio.TaskGroup() as group:
        for place, ask in enumerate(asks):
            group.create_task(one(place, ask))
    load.seconds = time.perf_counter() - began
    return load
