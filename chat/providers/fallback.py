"""Asking one upstream after the other, until one begins to answer. What has begun is never asked for again.

An upstream is given up for the next one when it refuses the connection or its key, says 429 or 5xx, does not know the
model, is silent for too long, or breaks off, before its first event. A request that it refuses (400) is the request's
fault and ends there. Where another one stands behind, an upstream is tried again once only.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from chat.providers import health, shared
from chat.providers.client import MAX_RETRIES
from chat.providers.errors import ProviderError
from chat.providers.stream import stream
from chat.providers.upstream import Upstream

logger = logging.getLogger(__name__)

Batches = AsyncGenerator[list[dict[str, Any]], None]
_RETRIES_BEFORE_ANOTHER = 1


async def opened(upstreams: tuple[Upstream, ...], body_for: Callable[[Upstream], Awaitable[dict[str, Any]]]) -> Batches:
    """The answer of the first upstream that begins one. `body_for` is asked before each. Raises ProviderError."""
    usable = health.usable(upstreams)
    for upstream in usable:
        last = upstream is usable[-1]
        body = await body_for(upstream)
        batches = stream(upstream, shared.unmarked(body), MAX_RETRIES if last else _RETRIES_BEFORE_ANOTHER)
        try:
            shared.refuse_ids(upstream, body)
            await anext(batches)  # the empty batch: its first event is here
        except ProviderError as error:
            health.failed(upstream, error)
            if last or not error.falls_over:
                raise
            logger.info("an upstream did not begin (%s); the next one is asked", error.code)
        else:
            health.well(upstream)
            return batches
    raise AssertionError("no upstream was given")
