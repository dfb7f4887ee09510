"""One streamed ``POST /responses``, the hot path: the SDK's connections and authentication, read as raw bytes.

The SDK's own request path costs about 400 µs of processor time and builds typed events that cost more than the rest of
a delta's way together; aiohttp, which it stands on, costs a seventh. Retries are as the SDK's: 408, 409, 429, 5xx and
connections that fail, with backoff, jitter and ``retry-after``; before the first byte of an answer, never after.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import orjson

from chat.providers import sse
from chat.providers.client import MAX_RETRIES, Client, client, not_allowed, of_status, seconds
from chat.providers.errors import ProviderError, UpstreamCut, UpstreamMalformed, UpstreamTimeout, UpstreamUnavailable
from chat.providers.upstream import Upstream
from tenants.addresses import AddressRefused

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 8.0  # seconds
_LONGEST_RETRY_AFTER = 60.0  # a longer one is for the client to wait


async def stream(upstream: Upstream, body: dict[str, Any]) -> AsyncGenerator[list[dict[str, Any]], None]:
    """The events of an answer, as decoded, those together that came together. Raises ProviderError."""
    response = await _answer(client(upstream), orjson.dumps({**body, "stream": True}))
    try:
        if response.content_type == "application/json":  # a server that cannot stream
            yield [_whole(await response.read())]
            return
        decoder = sse.Decoder()
        async for chunk in response.content.iter_any():
            if batch := decoder.feed(chunk):
                yield batch
            if decoder.done:
                return
        decoder.finish()
    except (aiohttp.ClientError, OSError):
        raise UpstreamCut from None
    finally:
        response.release()  # back to the pool, if its end has come; else closed, which stops the upstream


async def events(upstream: Upstream, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """The same one by one, where their speed does not matter. Raises ProviderError."""
    async with contextlib.aclosing(stream(upstream, body)) as batches:
        async for batch in batches:
            for event in batch:
                yield event


def _whole(content: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
        return {"type": f"response.{found['status']}", "response": found}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise UpstreamMalformed from None


async def _answer(to: Client, content: bytes) -> aiohttp.ClientResponse:
    """A successful answer, its body not yet read."""
    attempt = 0
    while True:
        error: ProviderError = UpstreamUnavailable()
        wait: float | None = None
        try:
            response = await to.session.post(
                to.url, data=content, headers=to.headers, timeout=to.timeout, allow_redirects=False
            )
        except AddressRefused as refused:  # by the resolver: the name leads to a private address
            raise not_allowed(refused) from None
        except TimeoutError:
            error = UpstreamTimeout()
        except (aiohttp.ClientError, OSError):
            pass
        else:
            if response.status == 200:
                return response
            response.close()
            error, wait = _refused(response)
        if attempt >= MAX_RETRIES or wait == 0.0:
            raise error
        backoff = min(_FIRST_DELAY * 2**attempt, _LONGEST_DELAY) * random.uniform(0.75, 1.0)  # noqa: S311 - jitter
        await asyncio.sleep(wait or backoff)
        attempt += 1


def _refused(response: aiohttp.ClientResponse) -> tuple[ProviderError, float | None]:
    """The error of an answer, and how long to wait before the next try: 0 for none, None for the usual backoff."""
    status, asked = response.status, response.headers.get("retry-after")
    error = of_status(status, asked)
    if status not in (408, 409, 429) and status < 500:
        return error, 0.0
    wait = seconds(asked)
    if wait is not None and wait > _LONGEST_RETRY_AFTER:
        return error, 0.0
    return error, wait or None
