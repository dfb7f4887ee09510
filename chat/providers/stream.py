"""One streamed ``POST /responses``, the hot path: the SDK's connections and authentication, read as raw bytes.

The SDK's own request path costs about 400 µs of processor time and builds typed events that cost more than the rest of
a delta's way together; aiohttp, which it stands on, costs a seventh. Retries are as the SDK's: 408, 409, 429, 5xx and
connections that fail, with backoff, jitter and ``retry-after``; before the first byte of an answer, never after.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any

import aiohttp
import orjson

from chat.providers import codes, sse
from chat.providers.client import MAX_RETRIES, Client, client, not_allowed, of_status, seconds
from chat.providers.errors import (
    ProviderError,
    UpstreamCut,
    UpstreamMalformed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
    told,
)
from chat.providers.upstream import Upstream
from chat.providers.watch import Watch
from tenants.addresses import AddressRefused

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 8.0  # seconds
_LONGEST_RETRY_AFTER = 60.0  # a longer one is for the client to wait
_OF_A_REQUEST = frozenset({400, 413, 422})  # statuses of refusals that may say what is wrong with the request
_BODY_SECONDS = 5.0  # for what a refusal says


async def stream(
    upstream: Upstream, body: dict[str, Any], retries: int = MAX_RETRIES
) -> AsyncGenerator[list[dict[str, Any]], None]:
    """The events of an answer, as decoded, those together that came together. Raises ProviderError.

    Before them comes an empty batch, once the first one is here: until then another upstream may be asked instead.
    """
    response, deadline = await _answer(upstream, orjson.dumps({**body, "stream": True}), retries)
    watch = Watch(response, upstream.timeouts, deadline)
    try:
        decoder = sse.Decoder()
        raw = response.content.iter_any()
        chunks = watch.chunks(raw) if watch.goes_on else raw
        is_whole = response.content_type == "application/json"  # a server that cannot stream
        batch = [_whole(await response.read())] if is_whole else await _first(decoder, chunks)
        watch.began()
        _refuse_failed(batch)
        yield []
        yield batch
        over = is_whole or decoder.done
        if over:
            return
        async for chunk in chunks:
            if batch := decoder.feed(chunk):
                yield batch
            if decoder.done:
                return
        decoder.finish()
    except TimeoutError:
        raise UpstreamTimeout from None
    except (aiohttp.ClientError, OSError):
        raise UpstreamTimeout if watch.fired else UpstreamCut from None
    finally:
        watch.stop()
        response.release()  # back to the pool, if its end has come; else closed, which stops the upstream


async def _first(decoder: sse.Decoder, chunks: AsyncIterable[bytes]) -> list[dict[str, Any]]:
    """The first events. Raises UpstreamCut for an answer without any."""
    async for chunk in chunks:
        if batch := decoder.feed(chunk):
            return batch
        if decoder.done:
            break
    decoder.finish()
    raise UpstreamCut


def _refuse_failed(batch: list[dict[str, Any]]) -> None:
    """Raises ProviderError where the answer begins with its failure, as some gateways tell of a status."""
    first = batch[0]
    if first["type"] == "error":
        raise told(_mapping(first.get("error")) or first)
    if first["type"] == "response.failed":
        raise told(_mapping(_mapping(first.get("response")).get("error")))


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


async def events(upstream: Upstream, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """The same one by one, where their speed does not matter. Raises ProviderError."""
    async with contextlib.aclosing(stream(upstream, body)) as batches:
        async for batch in batches:
            for event in batch:
                yield event


def _whole(content: bytes) -> dict[str, Any]:
    try:
        found = sse.decoded(content)
        return {"type": f"response.{found['status']}", "response": found}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise UpstreamMalformed from None


async def _answer(upstream: Upstream, content: bytes, retries: int) -> tuple[aiohttp.ClientResponse, float]:
    """A successful answer, its body not yet read, and the loop's time by which its first event has to be here."""
    to = client(upstream)
    loop = asyncio.get_running_loop()
    attempt = 0
    while True:
        error: ProviderError = UpstreamUnavailable()
        wait: float | None = None
        deadline = loop.time() + upstream.timeouts.first_byte
        try:
            # The transport's limit is the longer one of gap and first byte; a timer of our own costs more than a look.
            if upstream.timeouts.first_byte < upstream.timeouts.gap:
                async with asyncio.timeout_at(deadline):
                    response = await _post(to, content)
            else:
                response = await _post(to, content)
        except aiohttp.ConnectionTimeoutError:
            error = UpstreamTimeout()
        except AddressRefused as refused:  # by the resolver: the name leads to a private address
            raise not_allowed(refused) from None
        except TimeoutError:
            raise UpstreamTimeout from None  # whoever waited for the first byte is not to wait as long again
        except (aiohttp.ClientError, OSError):
            pass
        else:
            if response.status == 200:
                return response, deadline
            code = await _code(response) if response.status in _OF_A_REQUEST else None
            response.close()
            error, wait = _refused(response, code)
        if attempt >= retries or wait == 0.0:
            raise error
        backoff = min(_FIRST_DELAY * 2**attempt, _LONGEST_DELAY) * random.uniform(0.75, 1.0)  # noqa: S311 - jitter
        await asyncio.sleep(wait or backoff)
        attempt += 1


async def _post(to: Client, content: bytes) -> aiohttp.ClientResponse:
    headers = to.headers if to.signer is None else await to.signer.signed(to.url, to.headers, content)
    response = await to.session.post(to.url, data=content, headers=headers, timeout=to.timeout, allow_redirects=False)
    if response.status == 401 and to.signer is not None and to.signer.forget(headers):
        response.close()  # a token that was revoked before its time; the next one is asked for
        headers = await to.signer.signed(to.url, to.headers, content)
        return await to.session.post(to.url, data=content, headers=headers, timeout=to.timeout, allow_redirects=False)
    return response


async def _code(response: aiohttp.ClientResponse) -> str | None:
    """The reason that a refusal gives, if it is one that may be told. Its words stay unread."""
    if "content-encoding" in response.headers:
        return None  # nobody asked for it: a small body may unpack to a large one
    content = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while len(content) < codes.MOST_OF_A_BODY:
                read = await response.content.read(codes.MOST_OF_A_BODY - len(content))
                if not read:
                    return codes.in_body(content)
                content += read
    except (aiohttp.ClientError, OSError):
        pass  # a timeout too: that it is refused is known
    return None


def _refused(response: aiohttp.ClientResponse, code: str | None) -> tuple[ProviderError, float | None]:
    """The error of an answer, and how long to wait before the next try: 0 for none, None for the usual backoff."""
    status, asked = response.status, response.headers.get("retry-after")
    error = UpstreamRefused.because(code, status=status) if code else of_status(status, asked)
    if status not in (408, 409, 429) and status < 500:
        return error, 0.0
    wait = seconds(asked)
    if wait is not None and wait > _LONGEST_RETRY_AFTER:
        return error, 0.0
    return error, wait or None
