"""Open answers and sockets end when their reader may no longer read, whatever stood in the way of asking."""

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError

from chat.doors import socket
from chat.doors.http import event_stream
from chat.doors.http.event_stream import EventStream
from chat.doors.socket import SIGNED_OUT, ResponsesSocket
from chat.errors import ApiError

GONE = ApiError(401, "No valid API key.", code="invalid_api_key")


async def endless() -> AsyncGenerator[bytes, None]:
    yield b"data: {}\n\n"
    await asyncio.Event().wait()


def read(*answers: Exception | None) -> list[Any]:
    """The bodies that a reader gets whose key is asked for again and again, with these answers."""
    left: list[Exception | None] = list(answers)
    bodies: list[Any] = []

    async def ask() -> None:
        if error := left.pop(0):
            raise error

    async def receive() -> Any:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            bodies.append(message["body"])

    async def main() -> None:
        async with asyncio.timeout(10):
            await EventStream(endless(), {}, ask)({"type": "http"}, receive, send)

    asyncio.run(main())
    assert not left
    return bodies


@pytest.mark.parametrize("trouble", [None, OperationalError("x"), InterfaceError("x"), LookupError("x")])
def test_a_revoked_key_ends_the_stream_whatever_went_wrong_before(
    trouble: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "RECHECK_SECONDS", 0.01)
    assert read(trouble, trouble, GONE) == [b"data: {}\n\n", b""]


class Asked(ResponsesSocket):
    """A socket whose questions have these answers, and which notes how it was closed."""

    def __init__(self, *answers: Exception | int | None) -> None:
        super().__init__()
        self.left, self.follows, self.browser = list(answers), {}, True
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def _ask(self) -> int | None:
        answer = self.left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self, code: Any = None, reason: Any = None) -> None:
        self.closed.set_result(code)


@pytest.mark.parametrize("trouble", [None, OperationalError("x"), InterfaceError("x"), LookupError("x")])
def test_a_socket_of_somebody_who_left_closes_whatever_went_wrong_before(
    trouble: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "RECHECK_SECONDS", 0.01)

    async def main() -> int:
        one = Asked(trouble, trouble, SIGNED_OUT)
        watch = asyncio.create_task(one._recheck())
        try:
            async with asyncio.timeout(10):
                return await one.closed
        finally:
            watch.cancel()

    assert asyncio.run(main()) == SIGNED_OUT
