"""Django's pages, as the web process runs them.

Django gives each request a thread, and each thread a connection to the database. Two things follow.

**The connection ends with its request.** It is the thread's, which ends too, so nobody uses it again; left alone it
stays open, with some hundred kilobytes, until Python looks for cycles.

**Requests that derive a key or check a password wait outside.** Each may wait for seconds behind others, and two
hundred of them at once would be two hundred threads, more connections than Valkey's client gives, and a crowd that the
streams' thread has to wait for. So only so many come in; the rest wait on the event loop, which costs next to nothing.
A request comes in with its body whole: else a few clients that send one byte a second would keep everybody else out.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 512 * 1024  # bytes; the largest form, a value of 16 KiB, has a tenth of it


class Pages:
    """`app`, with at most so many of the POSTs in it at once whose path fits a pattern of `dear`."""

    def __init__(self, app: ASGIApp, dear: Mapping[re.Pattern[str], int]) -> None:
        self._app = app
        self._dear = [(path, asyncio.Semaphore(at_once)) for path, at_once in dear.items()]

    def _turns(self, scope: Scope) -> asyncio.Semaphore | None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        return next((turns for path, turns in self._dear if path.match(scope["path"])), None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        turns = self._turns(scope)
        if turns is None:
            await self._page(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            return  # gone before it had said all
        if len(body) > MAX_BODY:
            await PlainTextResponse("The form is too large.", 413, {"connection": "close"})(scope, receive, send)
            return
        async with turns:
            await self._page(scope, _again(body, receive), send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with ThreadSensitiveContext():  # the one that Django would open: its thread ends with it
            try:
                await self._app(scope, receive, send)
            finally:
                await sync_to_async(connections.close_all)()


async def _body(receive: Receive) -> bytes | None:
    """The body, no further than a little beyond what is let in; None where the client left."""
    body = b""
    while len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """What came, to be received once more; then whatever comes."""
    came: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def told() -> Message:
        return came.pop() if came else await receive()

    return told
