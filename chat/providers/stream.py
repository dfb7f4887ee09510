"""One streamed ``POST /responses``, the hot path: the SDK's transport and authentication, read as raw bytes.

The SDK's own request path costs about 400 µs of processor time and builds typed events that cost more than the rest of
a delta's way together; its transport alone costs a tenth. Retries are as the SDK's: 408, 409, 429, 5xx and connections
that fail, with backoff, jitter and ``retry-after``; before the first byte of an answer, never after.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson

from chat.providers import sse
from chat.providers.client import MAX_RETRIES, TIMEOUT, Client, client, not_allowed, of_status, seconds
from chat.providers.errors import ProviderError, UpstreamCut, UpstreamMalformed, UpstreamTimeout, UpstreamUnavailable
from chat.providers.upstream import Upstream
from tenants.addresses import AddressRefused

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 8.0  # seconds
_LONGEST_RETRY_AFTER = 60.0  # a longer one is for the client to wait
_EXTENSIONS = {"timeout": TIMEOUT.as_dict()}


async def stream(upstream: Upstream, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """The events of an answer, as decoded. Raises ProviderError."""
    response = await _answer(client(upstream), orjson.dumps({**body, "stream": True}))
    try:
        if response.headers.get("content-type", "").startswith("application/json"):  # a server that cannot stream
            yield _whole(await response.aread())
            return
        raw = response.aiter_bytes() if "content-encoding" in response.headers else response.stream
        async for event in sse.events(raw):  # type: ignore[arg-type] # the transport's streams are asynchronous
            yield event
    except (httpx2.HTTPError, httpx2.StreamError, OSError):
        raise UpstreamCut from None
    finally:
        await response.aclose()


def _whole(content: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
        return {"type": f"response.{found['status']}", "response": found}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise UpstreamMalformed from None


async def _answer(to: Client, content: bytes) -> httpx2.Response:
    """A successful answer, its body not yet read."""
    attempt = 0
    while True:
        error: ProviderError = UpstreamUnavailable()
        wait: float | None = None
        try:
            request = httpx2.Request("POST", to.url, headers=to.headers, content=content, extensions=_EXTENSIONS)
            response = await to.transport.handle_async_request(request)
        except AddressRefused as refused:  # by the resolver: the name leads to a private address
            raise not_allowed(refused) from None
        except httpx2.TimeoutException:
            error = UpstreamTimeout()
        except (httpx2.HTTPError, httpx2.StreamError, OSError):
            pass
        else:
            if response.status_code == 200:
                return response
            await response.aclose()
            error, wait = _refused(response)
        if attempt >= MAX_RETRIES or wait == 0.0:
            raise error
        backoff = min(_FIRST_DELAY * 2**attempt, _LONGEST_DELAY) * random.uniform(0.75, 1.0)  # noqa: S311 - jitter
        await asyncio.sleep(wait or backoff)
        attempt += 1


def _refused(response: httpx2.Response) -> tuple[ProviderError, float | None]:
    """The error of an answer, and how long to wait before the next try: 0 for none, None for the usual backoff."""
    status, asked = response.status_code, response.headers.get("retry-after")
    error = of_status(status, asked)
    if status not in (408, 409, 429) and status < 500:
        return error, 0.0
    wait = seconds(asked)
    if wait is not None and wait > _LONGEST_RETRY_AFTER:
        return error, 0.0
    return error, wait or None
