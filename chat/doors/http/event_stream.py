"""An answer of server-sent events that ends when its client leaves, or its key no longer opens the door.

Starlette's streaming answer starts a group of tasks for each; this one is a task for the client alone.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chat.doors.http.door import RECHECK_SECONDS
from chat.errors import ApiError

logger = logging.getLogger(__name__)


class EventStream(Response):
    """`frames` are sent as they come. `ask` raises ApiError once the reader may no longer read."""

    media_type = "text/event-stream"

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        headers: Mapping[str, str],
        ask: Callable[[], Awaitable[Any]],
    ) -> None:
        self._frames, self._ask = frames, ask
        self.status_code, self.background = 200, None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        watch = _Watch(receive, self._ask)
        try:
            async with aclosing(self._frames) as frames:
                async for frame in frames:
                    await send({"type": "http.response.body", "body": frame, "more_body": True})
        except asyncio.CancelledError:
            if not watch.over:
                raise  # the process is going down
            watch.reader.uncancel()
        finally:
            watch.stop()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Watch:
    """Cancels the current task, the reader, when the client leaves or may no longer read."""

    def __init__(self, receive: Receive, ask: Callable[[], Awaitable[Any]]) -> None:
        self.over = False
        self.reader = cast("asyncio.Task[None]", asyncio.current_task())
        self._receive, self._ask = receive, ask
        self._loop = asyncio.get_running_loop()
        self._gone = self._loop.create_task(self._disconnected())
        self._checking: asyncio.Task[None] | None = None
        self._next = self._loop.call_later(RECHECK_SECONDS, self._check)

    def stop(self) -> None:
        self._next.cancel()
        self._gone.cancel()
        if self._checking is not None:
            self._checking.cancel()

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end()

    def _check(self) -> None:
        self._checking = self._loop.create_task(self._recheck())

    async def _recheck(self) -> None:
        try:
            await self._ask()
        except ApiError:
            self._end()
            return
        except Exception as error:  # whatever it is, the reader is asked again: else a revoked key would read on
            logger.warning("a reader's key could not be looked up: %s", type(error).__name__)
        self._next = self._loop.call_later(RECHECK_SECONDS, self._check)

    def _end(self) -> None:
        self.over = True
        self.reader.cancel()
