"""How Django's pages are run: few derive keys at once, the rest wait where it costs little, nobody holds the door."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from deny_web.asgi import _DERIVES, _SIGNS_IN
from deny_web.pages import MAX_BODY, Pages

DEAR, PLAIN = "/t/acme/console/vault/unlock/", "/t/acme/console/members/"
AT_ONCE = 3


class Inner:
    """An app whose requests stay until they are let go; notes how many were in it at once, and their bodies."""

    def __init__(self) -> None:
        self.inside = self.most = self.answered = 0
        self.bodies: list[bytes] = []
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        self.bodies.append(message["body"])
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.go.wait()
        self.inside -= 1
        self.answered += 1


def pages(inner: Any) -> Pages:
    return Pages(inner, {re.compile(_DERIVES): AT_ONCE, _SIGNS_IN: 1})


def sender(*pieces: bytes, whole: bool = True) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A client that sends these; then it is silent, or leaves."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if whole:
        messages[-1]["more_body"] = False

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    return receive


async def gone() -> dict[str, Any]:
    return {"type": "http.disconnect"}


def ask(app: Pages, path: str, receive: Any, method: str = "POST") -> "asyncio.Task[list[dict[str, Any]]]":
    async def run() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
        return sent

    return asyncio.create_task(run())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def test_few_come_in_at_once_and_all_are_answered() -> None:
    inner = Inner()
    app = pages(inner)
    asked = [ask(app, DEAR, sender(b"a", b"b")) for _ in range(40)]
    await until(lambda: inner.inside == AT_ONCE)
    await asyncio.sleep(0.05)
    assert inner.inside == AT_ONCE
    inner.go.set()
    await asyncio.gather(*asked)
    assert (inner.most, inner.answered) == (AT_ONCE, 40)
    assert set(inner.bodies) == {b"ab"}


@pytest.mark.parametrize(("path", "method"), [(PLAIN, "POST"), (DEAR, "GET"), ("/accounts/login/", "POST")])
async def test_other_pages_do_not_wait(path: str, method: str) -> None:
    inner = Inner()
    app = pages(inner)
    first = [ask(app, DEAR, sender(b"x")) for _ in range(AT_ONCE + 2)]
    await until(lambda: inner.inside == AT_ONCE)
    other = ask(app, path, sender(b"x"), method)
    await until(lambda: inner.inside == AT_ONCE + 1)
    inner.go.set()
    await asyncio.gather(*first, other)


async def test_passwords_of_accounts_are_checked_few_at_once() -> None:
    """Each check takes 100 MB, and whoever has no account may ask for it."""
    inner = Inner()
    app = pages(inner)
    asked = [ask(app, "/accounts/login/", sender(b"x")) for _ in range(20)]
    await until(lambda: inner.inside == 1)
    await asyncio.sleep(0.05)
    inner.go.set()
    await asyncio.gather(*asked)
    assert (inner.most, inner.answered) == (1, 20)


async def test_clients_that_never_end_their_form_keep_nobody_out() -> None:
    inner = Inner()
    app = pages(inner)
    slow = [ask(app, DEAR, sender(b"x", whole=False)) for _ in range(5 * AT_ONCE)]
    await asyncio.sleep(0.02)
    quick = ask(app, DEAR, sender(b"whole"))
    await until(lambda: inner.bodies == [b"whole"])
    inner.go.set()
    await quick
    for one in slow:
        one.cancel()


async def test_a_client_that_leaves_in_its_form_is_forgotten() -> None:
    inner = Inner()
    assert await ask(pages(inner), DEAR, gone) == []
    assert inner.bodies == []


async def test_a_form_that_never_ends_is_read_to_a_limit_only() -> None:
    inner, read = Inner(), 0

    async def endless() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": bytes(64 * 1024), "more_body": True}

    sent = await ask(pages(inner), DEAR, endless)
    assert sent[0]["status"] == 413
    assert read <= MAX_BODY // (64 * 1024) + 1
    assert inner.bodies == []


@pytest.mark.parametrize("path", ["/t/acme/console/vault/", DEAR, "/start/acme/vault/"])
def test_pages_that_derive_keys_are_known(path: str) -> None:
    assert _DERIVES.match(path)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [PLAIN, DEAR])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_page_s_connection_ends_with_it(path: str, fails: bool) -> None:
    """It is its thread's, and the thread ends: else each page leaves one open until Python looks for cycles."""
    closed: list[bool] = []

    def query() -> None:
        connection.ensure_connection()
        really = connection.close

        def close() -> None:
            closed.append(True)
            really()

        connection.close = close  # type: ignore[method-assign] # this thread's own
        if fails:
            raise ValueError("as a view might")

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await sync_to_async(query)()

    asked = ask(pages(inner), path, sender(b"x"))
    if fails:
        with pytest.raises(ValueError, match="might"):
            await asked
    else:
        await asked
    assert closed == [True]
