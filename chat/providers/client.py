"""The SDK's client of an upstream: its authentication, headers and aiohttp transport, and its calls off the hot path.

`openai` takes half a second to import, so it is imported by the first use: most commands never need it.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import aiohttp
import httpx2
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from chat.providers import credentials, shared
from chat.providers.credentials import Signer
from chat.providers.errors import (
    ProviderError,
    UpstreamForbidden,
    UpstreamKeyRefused,
    UpstreamLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnfit,
)
from chat.providers.upstream import Upstream
from tenants import addresses
from tenants.addresses import AddressRefused

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_RETRIES = 3  # before the first byte, never after
TIMEOUT = httpx2.Timeout(connect=10.0, read=300.0, write=60.0, pool=10.0)  # of the calls off the hot path
_CLIENTS_KEPT = 64


@dataclass(frozen=True)
class Client:
    """One upstream's SDK client, and what its every streamed request has in common, made once."""

    sdk: "AsyncOpenAI"
    session: aiohttp.ClientSession  # the SDK's transport has the same one
    url: URL
    headers: CIMultiDictProxy[str]
    timeout: aiohttp.ClientTimeout
    signer: Signer | None  # for upstreams whose every request is signed anew


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[object, ...], Client]] = WeakKeyDictionary()


def client(upstream: Upstream) -> Client:
    """The client of an upstream: one for each event loop and each version of its settings. Raises UpstreamUnfit."""
    if not upstream.base_url:
        raise UpstreamUnfit("No upstream of this workspace answers for this model any more.")
    _refuse_private(upstream)
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    found = clients.pop(upstream.identity, None)
    if found is None or found.sdk.is_closed():
        found = _make(upstream)
    clients[upstream.identity] = found  # newest last
    if len(clients) > _CLIENTS_KEPT:
        clients.pop(next(iter(clients)))  # its open streams keep it alive until they end
    return found


async def close() -> None:
    """Close the running loop's clients with their connections; a later call makes new ones."""
    for one in _clients.pop(asyncio.get_running_loop(), {}).values():
        await one.sdk.close()


def _make(upstream: Upstream) -> Client:
    from openai import DefaultAioHttpClient
    from openai._vendor.httpx_aiohttp import AiohttpTransport  # not public: the one way to hand it a connector

    transport = AiohttpTransport()
    sdk = credentials.sdk(
        upstream,
        default_headers=dict(upstream.headers),
        max_retries=MAX_RETRIES,
        timeout=TIMEOUT,
        # Redirects off: a redirect could carry the key to a host that nobody checked.
        http_client=DefaultAioHttpClient(follow_redirects=False, timeout=TIMEOUT, trust_env=False, transport=transport),
        organization="",
        project="",
    )
    named = {**sdk.default_headers, **sdk.auth_headers, "Accept": "text/event-stream", "Accept-Encoding": "identity"}
    headers = CIMultiDict({name: value for name, value in named.items() if isinstance(value, str) and value})
    session = transport.client = _session(upstream)  # only now: settings that the SDK refuses leave none behind
    waits = upstream.timeouts
    return Client(
        sdk,
        session,
        URL(f"{upstream.base_url.rstrip('/')}/responses"),
        CIMultiDictProxy(headers),
        # The longer one of both; where the gap is the shorter one, `watch` keeps it.
        aiohttp.ClientTimeout(total=None, sock_connect=waits.connect, sock_read=max(waits.gap, waits.first_byte)),
        credentials.signer(upstream, sdk),
    )


def _session(upstream: Upstream) -> aiohttp.ClientSession:
    # The resolver checks the very addresses that the connector then uses, so a name cannot be rebound in between.
    connector = aiohttp.TCPConnector(
        resolver=None if upstream.trusted else addresses.Resolver(),
        use_dns_cache=upstream.trusted,
        limit=0,
        keepalive_timeout=60.0,
        enable_cleanup_closed=True,
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _refuse_private(upstream: Upstream) -> None:
    if upstream.trusted:
        return
    try:
        addresses.parse(upstream.base_url)  # a literal address never reaches the resolver
    except AddressRefused as refused:
        raise not_allowed(refused) from None


def not_allowed(refused: AddressRefused) -> UpstreamRefused:
    """The error of an address that this server may not call."""
    return UpstreamUnfit(
        f"This server may not call it: {refused.sentence}. An operator can allow it in TOOL_ALLOWED_HOSTS."
    )


async def models(upstream: Upstream) -> list[str]:
    """The model names that an upstream lists. Raises ProviderError."""
    import openai

    try:
        page = await credentials.asked_once(client(upstream).sdk).models.list()
    except openai.APIStatusError as error:
        raise of_status(error.status_code, error.response.headers.get("retry-after")) from None
    except openai.APITimeoutError:
        raise UpstreamTimeout from None
    except openai.OpenAIError:
        raise UpstreamUnavailable from None
    return [model.id for model in page.data]


async def count_tokens(upstream: Upstream, body: dict[str, Any]) -> int | None:
    """The upstream's count of a request's input tokens, or None where it cannot count. Raises ProviderError."""
    import openai

    shared.refuse_ids(upstream, body)
    one = credentials.asked_once(client(upstream).sdk)
    try:
        return (await one.responses.input_tokens.count(extra_body=shared.unmarked(body))).input_tokens
    except (openai.OpenAIError, AttributeError, ValueError):
        return None


def of_status(status: int, retry_after: str | None) -> ProviderError:
    """The error of an upstream's HTTP status; never its words."""
    if status == 401:
        return UpstreamKeyRefused()
    if status == 403:
        return UpstreamForbidden()
    if status in (402, 429):
        return UpstreamLimited(retry_after=seconds(retry_after))
    if status == 404:
        return UpstreamUnfit("The upstream does not know this model or address.", status=404)
    if status == 408:
        return UpstreamTimeout()
    if status < 400:
        return UpstreamUnfit("The upstream's address leads elsewhere. An admin can mend it under Models.")
    if status < 500:
        return UpstreamRefused(status=status if status in (400, 409, 413, 422) else 400)
    return UpstreamUnavailable()


def seconds(value: str | None) -> float | None:
    """A ``retry-after`` in seconds; a date, which no model server sends, counts as none."""
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None
