"""The wire to an upstream: the `openai` SDK over its aiohttp transport, read as raw bytes.

The SDK makes the request (authentication, retries with backoff and jitter, ``retry-after``); its typed events are not
used, since building them costs more than the rest of a delta's way together.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient
from openai._vendor.httpx_aiohttp import AiohttpTransport  # not public: the one way to hand it a connector

from chat.providers import sse
from chat.providers.errors import (
    ProviderError,
    UpstreamCut,
    UpstreamKeyRefused,
    UpstreamLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from chat.providers.upstream import Upstream
from chat.tools import addresses
from chat.tools.addresses import AddressRefused

MAX_RETRIES = 3  # before the first byte, never after
TIMEOUT = httpx2.Timeout(connect=10.0, read=300.0, write=60.0, pool=10.0)  # read: the longest gap between two reads
_CLIENTS_KEPT = 64

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[object, ...], AsyncOpenAI]] = WeakKeyDictionary()


def client(upstream: Upstream) -> AsyncOpenAI:
    """The SDK client of an upstream: one for each event loop and each version of its settings."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    found = clients.pop(upstream.identity, None)
    if found is None or found.is_closed():
        found = AsyncOpenAI(
            api_key=upstream.key,
            base_url=upstream.base_url,
            default_headers=dict(upstream.headers),
            max_retries=MAX_RETRIES,
            timeout=TIMEOUT,
            # Redirects off: a redirect could carry the key to a host that nobody checked.
            http_client=DefaultAioHttpClient(
                follow_redirects=False,
                timeout=TIMEOUT,
                trust_env=False,
                transport=AiohttpTransport(client=lambda: _session(upstream)),
            ),
            organization="",
            project="",
        )
    clients[upstream.identity] = found  # newest last
    if len(clients) > _CLIENTS_KEPT:
        clients.pop(next(iter(clients)))  # its open streams keep it alive until they end
    return found


def _session(upstream: Upstream) -> aiohttp.ClientSession:
    # The resolver checks the very addresses that the connector then uses, so a name cannot be rebound in between.
    resolver = None if upstream.trusted else addresses.Resolver()
    connector = aiohttp.TCPConnector(
        resolver=resolver, use_dns_cache=upstream.trusted, limit=0, keepalive_timeout=60.0, enable_cleanup_closed=True
    )
    return aiohttp.ClientSession(connector=connector)


def _refuse_private(upstream: Upstream) -> None:
    if upstream.trusted:
        return
    try:
        addresses.parse(upstream.base_url)  # a literal address never reaches the resolver
    except AddressRefused:
        raise UpstreamRefused("The upstream's address is not allowed. An operator can allow it.") from None


async def stream(upstream: Upstream, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """The events of one streamed ``POST /responses``, as decoded. Raises ProviderError; never retries after a byte."""
    _refuse_private(upstream)
    begun = False
    try:
        request = client(upstream).responses.with_streaming_response.create(stream=True, extra_body=body)
        async with request as response:
            async for event in sse.events(response.iter_bytes()):
                begun = True
                yield event
    except openai.APIError as error:
        raise _mapped(error, begun) from None
    except (httpx2.TimeoutException, TimeoutError):
        raise (UpstreamCut if begun else UpstreamTimeout)() from None
    except (httpx2.HTTPError, httpx2.StreamError, OSError):
        raise (UpstreamCut if begun else UpstreamUnavailable)() from None


async def models(upstream: Upstream) -> list[str]:
    """The model names that an upstream lists. Raises ProviderError."""
    _refuse_private(upstream)
    try:
        page = await client(upstream).with_options(max_retries=0, timeout=10).models.list()
    except openai.APIError as error:
        raise _mapped(error, begun=False) from None
    return [model.id for model in page.data]


async def count_tokens(upstream: Upstream, body: dict[str, Any]) -> int | None:
    """The upstream's count of a request's input tokens, or None where it cannot count."""
    _refuse_private(upstream)
    one = client(upstream).with_options(max_retries=0, timeout=10)
    try:
        return (await one.responses.input_tokens.count(extra_body=body)).input_tokens
    except (openai.APIError, AttributeError, ValueError):
        return None


def _mapped(error: openai.APIError, begun: bool) -> ProviderError:
    if begun:
        return UpstreamCut()
    if isinstance(error, openai.APITimeoutError):
        return UpstreamTimeout()
    if not isinstance(error, openai.APIStatusError):
        return UpstreamUnavailable()
    status = error.status_code
    if status in (401, 403):
        return UpstreamKeyRefused()
    if status == 429:
        return UpstreamLimited(retry_after=_seconds(error.response.headers.get("retry-after")))
    if status == 404:
        return UpstreamRefused("The upstream does not know this model or address.", status=404)
    if 400 <= status < 500:
        return UpstreamRefused(status=status if status in (400, 409, 413, 422) else 400)
    return UpstreamUnavailable()


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None
