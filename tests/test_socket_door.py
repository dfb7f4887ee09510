"""The socket's door in one process: whatever happens to a frame, its sender hears of it and the connection stays."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from openai.types.responses import ResponsesServerEvent
from pydantic import TypeAdapter

from chat import hosting
from chat.doors import frames, socket
from chat.doors.socket import ResponsesSocket
from chat.errors import ApiError
from chat.events import Frame, Gone
from chat.models import Door, Response, Status
from deny_web import db, valkey
from tenants import access
from tests.cast import Cast, make_cast, make_key
from tests.test_step_events import make_turn
from tests.upstream.shapes import Json
from vault.errors import Unavailable

pytestmark = pytest.mark.django_db(transaction=True)
SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(ResponsesServerEvent)


class Line:
    """An open connection of an API key, and how it is spoken to."""

    def __init__(self, cast: Cast, key: str) -> None:
        self.cast = cast
        headers = [(b"authorization", f"Bearer {key}".encode())]
        scope = {"type": "websocket", "path": "/v1/responses", "query_string": b"", "headers": headers}
        self.wire = ApplicationCommunicator(ResponsesSocket.as_asgi(), scope)

    async def open(self) -> None:
        await self.wire.send_input({"type": "websocket.connect"})
        assert (await self.wire.receive_output(10))["type"] == "websocket.accept"

    async def ask(self, **message: Any) -> Json:
        """Send a frame and give the next one back."""
        return await self.ask_in(json.dumps(message))

    async def ask_in(self, text: str) -> Json:
        await self.wire.send_input({"type": "websocket.receive", "text": text})
        return await self.heard()

    async def heard(self) -> Json:
        found: Json = json.loads((await self.wire.receive_output(10))["text"])
        return found

    async def create(self, **create: Any) -> list[Json]:
        """Send a create and read to its ending, or its error."""
        told = [await self.ask(type="response.create", **create)]
        while told[-1]["type"] not in ("response.completed", "response.failed", "error"):
            told.append(await self.heard())
        return told

    async def warm(self, text: str, **create: Any) -> Json:
        """A warm-up that stores nothing, which asks no upstream: the event that ends it."""
        return (await self.create(input=text, store=False, generate=False, **create))[-1]

    async def closed(self) -> int:
        while (message := await self.wire.receive_output(10))["type"] != "websocket.close":
            pass
        return int(message["code"])

    async def leave(self) -> None:
        await self.wire.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wire.wait(10)


def make() -> tuple[Cast, str]:
    cast = make_cast()
    return cast, make_key(cast)


@pytest.fixture
async def line(settings: Any) -> AsyncIterator[Line]:
    settings.DEMO_URL = "http://127.0.0.1:9"  # an upstream that no warm-up asks
    opened = Line(*await db.run(make))
    await opened.open()
    yield opened
    await opened.leave()
    await hosting.here().stop()
    await get_channel_layer().flush()
    await valkey.aio().aclose()


def raises(error: Exception) -> Any:
    async def start(*_: Any, **__: Any) -> Any:
        raise error

    return start


async def starts(*_: Any, **__: Any) -> str:
    return "resp_elsewhere"


def follows(error: Exception | None) -> Any:
    """A reader that is told one event and then has this error, or waits."""

    async def follow(*_: Any) -> AsyncIterator[list[Frame]]:
        yield [Frame(0, "response.created", b'{"type":"response.created","sequence_number":0}')]
        if error is not None:
            raise error
        await asyncio.Event().wait()

    return follow


@pytest.mark.parametrize(
    ("error", "status"),
    [(OperationalError("x"), 503), (InterfaceError("x"), 503), (Unavailable("x"), 503), (LookupError("x"), 500)],
)
async def test_an_outage_is_told_and_the_connection_stays(
    line: Line, error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.starting, "start", raises(error))
    told = await line.ask(type="response.create", model="m", input="x", **{"deny_web:token": "12345678"})
    assert (told["type"], told["status"], told["deny_web:token"]) == ("error", status, "12345678")
    assert await line.ask(type="deny_web:ping") == {"type": "deny_web:pong"}


async def test_a_socket_that_cannot_be_opened_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("x")

    monkeypatch.setattr(access, "for_socket", away)
    opened = Line(await db.run(make_cast), "")
    await opened.open()
    assert (await opened.heard())["status"] == 503
    assert await opened.closed() == socket.TRY_AGAIN
    await opened.leave()


@pytest.mark.parametrize(
    ("error", "status"), [(redis.ConnectionError("x"), 500), (OperationalError("x"), 503), (Gone(), 404)]
)
async def test_a_stream_that_breaks_off_says_so_and_the_next_may_come(
    line: Line, error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.starting, "start", starts)
    monkeypatch.setattr(socket.events, "follow", follows(error))
    told = await line.create(input="x", stream_id="lane")
    assert [event["type"] for event in told] == ["response.created", "error"]
    assert [event["stream_id"] for event in told] == ["lane", "lane"]
    assert told[-1]["status"] == status
    assert (await line.create(input="x"))[0]["type"] == "response.created"


async def test_a_turn_that_stored_nothing_and_is_gone_leaves_nobody_waiting(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(*_: Any, **__: Any) -> Any:
        return make_turn()

    monkeypatch.setattr(socket.starting, "start", start)
    monkeypatch.setattr(socket.events, "follow", follows(Gone()))
    assert (await line.create(input="x"))[-1]["error"]["message"] == socket.CUT


async def test_a_context_that_grows_too_large_is_not_kept(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "MAX_KEPT_BYTES", 1000)
    first = (await line.warm("x" * 500))["response"]["id"]
    second = (await line.warm("small", previous_response_id=first))["response"]["id"]
    third = (await line.warm("x" * 500, previous_response_id=second))["response"]["id"]
    assert (await line.warm("on", previous_response_id=third))["error"]["code"] == "previous_response_not_found"


@pytest.mark.parametrize("bad", [{"temperature": 1, "metadata": 3}, {"background": True}, {"stream_id": 7}])
async def test_a_continuation_that_is_refused_as_such_drops_what_it_continued(line: Line, bad: Json) -> None:
    warm = (await line.warm("x"))["response"]["id"]
    refused = (await line.create(input="y", previous_response_id=warm, **bad))[-1]
    assert (refused["type"], refused["status"]) == ("error", 400)
    lost = await line.warm("y", previous_response_id=warm)
    assert lost["error"]["code"] == "previous_response_not_found"


async def test_a_lane_is_repeated_on_all_that_is_told_of_it_and_goes_no_further(line: Line) -> None:
    told = await line.create(input="x", store=False, generate=False, stream_id='of "mine"')
    assert told[-1]["type"] == "response.completed", told
    assert {event["stream_id"] for event in told} == {'of "mine"'}
    assert not [event for event in told if "stream_id" in event.get("response", {})]
    refused = (await line.create(input=3, stream_id="b"))[-1]
    assert (refused["status"], refused["stream_id"]) == (400, "b")
    assert not [event for event in await line.create(input="x", store=False, generate=False) if "stream_id" in event]
    assert (await line.create(input="x", stream_id="x" * 257))[-1]["error"]["param"] == "stream_id"


async def test_steering_fails_in_the_sdk_s_shape_and_gives_the_input_back(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.starting, "start", starts)
    monkeypatch.setattr(socket.events, "follow", follows(None))
    await line.ask(type="response.create", model="m", input="x", stream_id="lane")
    given = [{"type": "message", "role": "user", "content": "rather so"}]
    told = await line.ask(type="response.steer", previous_response_id="resp_elsewhere", input=given)
    event = SERVER_EVENT.validate_python(told)
    assert (event.type, event.error.code) == ("response.steer.failed", "steering_not_supported")
    assert (event.stream_id, event.model_extra) == ("lane", {})
    assert told["steer"] == {"input": given, "previous_response_id": "resp_elsewhere"}
    assert "stream_id" not in await line.ask(type="response.steer", previous_response_id="resp_other", input="x")
    assert (await line.ask(type="response.steer", previous_response_id="resp_other"))["status"] == 400


def test_an_error_s_headers_are_where_the_sdk_looks_for_them() -> None:
    told = frames.error(ApiError(429, "Wait.", code="rate_limit_exceeded", headers={"retry-after": "3"}))
    assert SERVER_EVENT.validate_python(told).error.headers == {"retry-after": "3"}
    assert told["deny_web:headers"] == {"retry-after": "3"}


async def test_an_old_connection_is_told_so_and_closed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "RECHECK_SECONDS", 0.01)
    monkeypatch.setattr(socket, "LIFETIME_SECONDS", 0.0)
    told = await line.heard()
    assert (told["status"], told["error"]["code"]) == (400, "websocket_connection_limit_reached")
    assert await line.closed() == 1000


async def test_an_old_connection_lives_as_long_as_its_response(monkeypatch: pytest.MonkeyPatch) -> None:
    """The response that is running at 60 minutes is told to its end."""
    monkeypatch.setattr(socket, "RECHECK_SECONDS", 0.0)
    monkeypatch.setattr(socket, "LIFETIME_SECONDS", -1.0)
    asked: list[str] = []

    class Old(ResponsesSocket):
        async def _ask(self) -> int | None:
            asked.append("?")
            if len(asked) == 5:
                self.follows.clear()
            return None

        async def _send(self, message: Json) -> None:
            assert len(asked) == 5
            assert message["error"]["code"] == "websocket_connection_limit_reached"

        async def close(self, code: Any = None, reason: Any = None) -> None:
            assert code == 1000

    one = Old()
    one.browser, one.opened = False, 0.0
    one.follows = {"resp_x": asyncio.create_task(asyncio.sleep(0))}
    async with asyncio.timeout(10):
        await one._recheck()
    assert len(asked) == 5


async def test_a_frame_has_at_most_8_mib_of_bytes(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    assert frames.MAX_BYTES == 8 * 1024 * 1024
    monkeypatch.setattr(frames, "MAX_BYTES", 100)
    room = 100 - len('{"type":"deny_web:ping","x":""}')
    for text, fits in (("x" * room, True), ("x" * (room + 1), False), ("é" * (room // 2 + 1), False)):
        told = await line.ask_in('{"type":"deny_web:ping","x":"' + text + '"}')
        assert told["type"] == ("deny_web:pong" if fits else "error")
        assert fits or "8 MiB" in told["error"]["message"]


async def test_a_connection_follows_so_many_responses_and_no_more(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "MAX_FOLLOWED", 2)
    monkeypatch.setattr(socket.events, "follow", follows(None))

    def made() -> list[str]:
        key = line.cast.acme.api_keys.get()
        common = {"tenant": line.cast.acme, "api_key": key, "user": key.created_by, "door": Door.API, "request": {}}
        ended = {"status": Status.COMPLETED, "ended_at": timezone.now()}
        return [Response.objects.create(**common, **ended).pk for _ in range(3)]

    first, second, third = await db.run(made)
    for response_id in (first, second, second):  # the same one again takes its own place
        told = await line.ask(type="deny_web:follow", response_id=response_id)
        assert told["type"] == "response.created"
    refused = await line.ask(type="deny_web:follow", response_id=third)
    assert (refused["status"], refused["error"]["code"]) == (429, "too_many_follows")


async def test_a_bell_that_could_not_be_answered_is_answered_later(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[Exception | None] = [Unavailable("x"), OperationalError("x"), None]
    told: asyncio.Future[Json] = asyncio.get_running_loop().create_future()

    def current(_: object) -> None:
        if error := tries.pop(0):
            raise error

    class Page(ResponsesSocket):
        async def _ask(self) -> int | None:
            return None

        async def _send(self, message: Json) -> None:
            told.set_result(message)

    monkeypatch.setattr(socket.leases, "current", current)
    monkeypatch.setattr(socket, "RECHECK_SECONDS", 0.0)
    page = Page()
    page.browser, page.principal = True, (await db.run(make_cast)).owner
    await page.vault_changed({})
    watch = asyncio.create_task(page._recheck())
    assert (await asyncio.wait_for(told, 10))["locked"] is True
    watch.cancel()
    assert not page.vault_untold
