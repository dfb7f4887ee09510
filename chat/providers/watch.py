"""The limits of an answer that the transport does not keep: a pause shorter than the wait for it, and the whole."""

import asyncio
import math
from collections.abc import AsyncIterable, AsyncIterator

import aiohttp

from chat.providers.upstream import Timeouts


class Watch:
    """Closes an answer that pauses or lasts for too long; `fired` says so. One timer, and a look at the clock a read.

    A pause counts while we wait for the upstream, not while our reader is slow.
    """

    def __init__(self, response: aiohttp.ClientResponse, timeouts: Timeouts) -> None:
        self.fired = False
        self._loop = asyncio.get_running_loop()
        self._response = response
        self._gap = timeouts.gap
        self._end = self._loop.time() + (timeouts.whole or math.inf)
        self._since: float | None = None  # when the wait for the next read began
        self._timer = self._loop.call_at(self._next(), self._look)

    @staticmethod
    def needed(timeouts: Timeouts) -> bool:
        """Whether the transport's own limit, the longer one of first byte and gap, does not say it all."""
        return timeouts.whole is not None or timeouts.gap < timeouts.first_byte

    async def chunks(self, raw: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """`raw`, watched from its first read on."""
        async for chunk in raw:
            self._since = None
            yield chunk
            self._since = self._loop.time()

    def stop(self) -> None:
        self._timer.cancel()

    def _next(self) -> float:
        return min(self._end, (self._since or self._loop.time()) + self._gap)

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._end or (self._since is not None and now >= self._since + self._gap):
            self.fired = True
            self._response.close()  # the read that waits ends with an error
        else:
            self._timer = self._loop.call_at(self._next(), self._look)
