"""Connections to Valkey (or Redis), one pool per process and one per event loop."""

import asyncio
from functools import cache
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.retry
from django.conf import settings

# A connection that broke heals by itself. The library's own three tries wait for seconds, in which a request or a
# thread would hang while Valkey is away; whoever can wait longer than this does so himself.
_BACKOFF = redis.backoff.ExponentialBackoff(cap=0.2, base=0.05)
_TRIES = 2

_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = WeakKeyDictionary()


@cache
def sync() -> redis.Redis:
    """The client for synchronous code; thread-safe, answers bytes."""
    retry = redis.retry.Retry(_BACKOFF, _TRIES)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, health_check_interval=30, retry=retry)


def aio() -> redis.asyncio.Redis:
    """The client of the running event loop, which its connections are bound to; answers bytes."""
    loop = asyncio.get_running_loop()
    client = _async_clients.get(loop)
    if client is None:
        retry = redis.asyncio.retry.Retry(_BACKOFF, _TRIES)
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, health_check_interval=30, retry=retry)
        _async_clients[loop] = client
    return client
