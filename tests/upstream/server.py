"""The scripted upstream's HTTP server. Written on bare asyncio, since no framework sends what it should not."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from chat.demo.stream import encoded
from tests.upstream.frames import frames, response, writes
from tests.upstream.steps import Step

Json = dict[str, Any]

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}


class _Gone(Exception):
    """The client closed its side."""


class _Faulted(Exception):
    """The script broke the connection."""


@dataclass
class Recorded:
    """A request that came, and how its answer went."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    at: float = field(default_factory=time.time)
    state: str = "open"  # open, held, stalled, done, client_gone, faulted, unscripted
    events: int = 0


class Script:
    """The queued steps and the recorded requests; touched by the server's loop only."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self.steps: list[Step] = []
        self.requests: list[Recorded] = []
        self.unscripted = 0
        self.released = asyncio.Event()

    def take(self, model: Any) -> Step | None:
        """The first step for `model`, used up if it is not for any number of requests."""
        for place, step in enumerate(self.steps):
            if step.model in (None, model):
                if step.times == 1:
                    del self.steps[place]
                elif step.times > 1:
                    self.steps[place] = step.but(times=step.times - 1)
                return step
        self.unscripted += 1
        return None

    def release(self) -> None:
        """Lets every held answer go on."""
        self.released.set()
        self.released = asyncio.Event()


class Connection:
    """One client connection, request after request. What comes in during an answer belongs to the next request."""

    def __init__(self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._script, self._reader, self._writer = script, reader, writer
        self._received = bytearray()

    async def serve(self) -> None:
        """Answers until the client goes, or a step breaks the connection."""
        try:
            while (request := await self._read()) is not None:
                await self._while_there(self._answer(request), request)
        except (_Gone, _Faulted, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writer.close()

    async def _read(self) -> Recorded | None:
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if not await self._receive():
                return None
        first, *lines = bytes(self._received[:end]).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        del self._received[: end + 4]
        while len(self._received) < int(headers.get("content-length", 0)):
            if not await self._receive():
                return None
        body = bytes(self._received[: int(headers.get("content-length", 0))])
        del self._received[: len(body)]
        method, path, _ = first.split(" ", 2)
        return Recorded(method, path, headers, json.loads(body) if body else None)

    async def _receive(self) -> bool:
        received = await self._reader.read(65536)
        self._received += received
        return bool(received)

    async def _while_there(self, answer: Awaitable[None], request: Recorded) -> None:
        """Runs `answer`, and ends it once the client closes: that is how a stop is seen upstream."""
        work = asyncio.ensure_future(answer)
        watch = asyncio.ensure_future(self._watch())
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                request.state = "client_gone"
                raise _Gone
            work.result()
        except ConnectionError:
            request.state = "client_gone"
            raise
        finally:
            work.cancel()
            watch.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)

    async def _watch(self) -> None:
        while await self._receive():
            pass

    async def _answer(self, request: Recorded) -> None:
        path = urlsplit(request.path).path
        if path.startswith("/_control/"):
            await self._send(200, encoded(await control(self._script, path, request.body)))
            return
        self._script.requests.append(request)
        if request.method == "POST" and path.endswith("/responses"):
            await self._play(request)
        elif request.method == "GET" and path.endswith("/models"):
            model = {"id": "scripted", "object": "model", "created": 0, "owned_by": "tests"}
            await self._send(200, encoded({"object": "list", "data": [model]}))
        else:
            await self._send(404, encoded({"error": {"message": "Not found.", "type": "invalid_request_error"}}))
        request.state = "done" if request.state == "open" else request.state

    async def _play(self, request: Recorded) -> None:
        if (unknown := _unknown(request.body.get("input"))) is not None:
            message = f"Item with id '{unknown}' not found. Items are not persisted when `store` is set to false."
            await self._send(404, encoded({"error": {"message": message, "type": "invalid_request_error"}}))
            return
        step = self._script.take(request.body.get("model"))
        if step is None:
            request.state = "unscripted"
            message = "The script has no step for this request."
            await self._send(400, encoded({"error": {"message": message, "type": "unscripted"}}))
            return
        await asyncio.sleep(step.wait)
        if step.error is not None or step.status != 200:
            told = step.error if isinstance(step.error, str) else json.dumps(step.error)
            await self._whole(told.encode(), step, request)
        elif request.body.get("stream"):
            await self._stream(step, request)
        else:
            await self._whole(encoded(response(step, request.body)), step, request)

    async def _whole(self, body: bytes, step: Step, request: Recorded) -> None:
        """A body with its length, which a fault breaks in the middle, or before it where `after` is 0."""
        broken_at = len(body) // 2 if step.after else 0
        given = {"content-type": "application/json", "content-length": str(len(body)), **step.headers}
        self._head(step.status, given)
        await self._write(body[:broken_at])
        if step.fault:
            await self._fault(step, request)
        await self._write(body[broken_at:])

    async def _stream(self, step: Step, request: Recorded) -> None:
        self._head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked", **step.headers})
        for place, frame in enumerate(frames(step, request.body)):
            if step.fault and place == step.after:
                await self._fault(step, request)
            if b'.delta"' in frame[:200] and step.delay:
                await asyncio.sleep(step.delay)
            for piece in writes(frame, step.malformed):
                await self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
                if len(piece) < len(frame):
                    await asyncio.sleep(0)
            request.events += 1
        if step.fault and step.after >= request.events:
            await self._fault(step, request)
        await self._write(b"0\r\n\r\n")

    async def _fault(self, step: Step, request: Recorded) -> None:
        await self._writer.drain()
        if step.fault == "hold":
            request.state = "held"
            await self._script.released.wait()
            request.state = "open"
            return
        if step.fault == "stall":
            request.state = "stalled"
            await asyncio.Event().wait()
        request.state = "faulted"
        if step.fault == "reset":
            linger = struct.pack("ii", 1, 0)  # on, with no time: closing resets
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._writer.transport.abort()
        raise _Faulted

    async def _send(self, status: int, body: bytes) -> None:
        self._head(status, {"content-type": "application/json", "content-length": str(len(body))})
        await self._write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", *(f"{k}: {v}" for k, v in headers.items())]
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


def _unknown(items: Any) -> str | None:
    """The id of a reasoning item that says nothing by itself: this upstream keeps nothing, as OpenAI's does when told
    not to, and looks such an id up in vain."""
    for item in items if isinstance(items, list) else ():
        if item.get("type") == "reasoning" and not (item.get("encrypted_content") or item.get("content")):
            return str(item.get("id"))
    return None


async def control(script: Script, path: str, body: Any) -> Json:
    """How a test steers the server from its own process."""
    name = path.removeprefix("/_control/")
    if name == "queue":
        script.steps += [Step.from_json(step) for step in body]
    elif name == "release":
        script.release()
    elif name == "reset":
        script.release()  # an answer that is held would keep its turn in progress into the tests that follow
        script.reset()
    return {
        "requests": [vars(request) for request in script.requests] if name == "state" else [],
        "unused": [step.to_json() for step in script.steps if step.times],
        "unscripted": script.unscripted,
    }


async def serve(port: int = 0, started: Callable[[int, Script], None] = lambda _port, _script: None) -> None:
    """Serves on loopback until cancelled; `started` gets the port, and the script to fill."""
    script = Script()
    connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        await Connection(script, reader, writer).serve()

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    started(server.sockets[0].getsockname()[1], script)
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
