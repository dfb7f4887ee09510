"""The limits of an answer that the transport does not keep: its beginning, a shorter pause than that, and the whole."""

import asyncio
import math
from collections.abc import AsyncIterable, AsyncIterator

import aiohttp

from chat.providers.upstream import Timeouts


class Watch:
    """Closes an answer that begins late, pauses or lasts for too long; `fired` says so. One timer, moved when it fires.

    A pause counts while we wait for the upstream, not while our reader is slow. Where the transport's own limit, the
    longer one of first byte and gap, says all of it, the watch is over once the answer has begun.
    """

    def __init__(self, response: aiohttp.ClientResponse, timeouts: Timeouts, deadline: float) -> None:
        """`deadline`: the loop's time by which the first event has to be here."""
        self.fired = False
        self._loop = asyncio.get_running_loop()
        self._response = response
        self._gap = timeouts.gap if timeouts.gap < timeouts.first_byte else math.inf
        self._begin = deadline
        self._end = self._loop.time() + timeouts.whole if timeouts.whole is not None else math.inf
        self._since = math.inf  # when the wait for the next read began
        self._timer = self._loop.call_at(min(self._begin, self._end), self._look)

    @property
    def goes_on(self) -> bool:
        """Whether there is a limit for what comes after the first event."""
        return self._gap < math.inf or self._end < math.inf

    def began(self) -> None:
        """The first event is here."""
        self._begin = math.inf
        self._timer.cancel()
        if self.goes_on:
            self._timer = self._loop.call_at(self._next(), self._look)

    async def chunks(self, raw: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """`raw`, with a look at the clock at each read."""
        async for chunk in raw:
            self._since = math.inf
            yield chunk
            self._since = self._loop.time()

    def stop(self) -> None:
        self._timer.cancel()

    def _next(self) -> float:
        return min(self._begin, self._end, min(self._since, self._loop.time()) + self._gap)

    def _look(self) -> None:
        if self._loop.time() >= min(self._begin, self._end, self._since + self._gap):
            self.fired = True
            self._response.close()  # the read that waits ends with an error
        else:
            self._timer = self._loop.call_at(self._next(), self._look)
