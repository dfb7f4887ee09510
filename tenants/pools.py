"""Connections to addresses that a tenant typed, under the rules of `tenants.addresses`; kept for each event loop.

Every name is resolved by `Resolver` at the moment of connecting. No cookie is kept, no answer is unpacked (a small bomb
is one), and the time is the caller's to bound. So is switching redirects off.
"""

import asyncio
import atexit
from typing import Any

import aiohttp

from deny_web import loop
from tenants import addresses

_pools: "list[Pool]" = []


class Pool:
    """Connections for one purpose. `once`: each request gets a fresh one.

    A connection from a pool may have been closed by the other side meanwhile, and then nobody knows whether the request
    was read. `options` are aiohttp's for a session.
    """

    def __init__(self, *, once: bool, **options: Any) -> None:
        self._once, self._options = once, options
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        _pools.append(self)

    def session(self) -> aiohttp.ClientSession:
        """The running loop's."""
        running = asyncio.get_running_loop()
        if running not in self._sessions:
            self._sessions[running] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=addresses.Resolver(), use_dns_cache=False, force_close=self._once
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                **self._options,
            )
        return self._sessions[running]

    @property
    def is_open(self) -> bool:
        return bool(self._sessions)

    async def close(self) -> None:
        """Close the running loop's connections; a later request opens new ones."""
        if session := self._sessions.pop(asyncio.get_running_loop(), None):
            await session.close()


@atexit.register
def close() -> None:
    """Close what the process's own loop holds open. A process that ends does it by itself."""
    for pool in _pools:
        if pool.is_open:
            loop.submit(pool.close()).result(5)
