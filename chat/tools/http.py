"""Sending a tool's request, with its credential in its place, to an address that was checked.

aiohttp on the process's own loop, rather than a blocking client in each worker thread: one deadline covers DNS, the
handshake, the headers and a body that drips; a person's stop closes the connection from another thread; the connector
takes a resolver, so that the address checked is the address connected to while SNI and Host stay the name's.

Nothing raised here holds a URL, a header or the upstream's words: aiohttp's own exceptions carry the whole request, so
they end in this module, turned into a `ToolError` outside of their `except` blocks.
"""

import asyncio
import base64
import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from django.conf import settings
from yarl import URL

from chat.tools import templating
from chat.tools.definition import Credential, ToolDefinition
from chat.tools.errors import HostNotAllowed, Stopped, ToolError
from deny_web import loop
from tenants import addresses
from tenants.addresses import AddressRefused
from tenants.pools import Pool

MAX_BODY = 1024 * 1024  # bytes of an answer
MIN_CREDENTIAL = 8  # characters; a shorter one could not be told from ordinary text by the leak sweep
_POLL_SECONDS = 0.5
_POOLS = {once: Pool(once=once, skip_auto_headers=("Content-Type",)) for once in (False, True)}
_PRINTABLE = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that was answered with 2xx. `path` is without its query, which may hold the credential."""

    method: str
    host: str
    path: str
    status: int
    duration_ms: int
    body: bytes


@dataclass(slots=True)
class Outgoing:
    """A request that is ready to go, credential and all; it lives in one worker's memory, for one call."""

    method: str
    host: str
    path: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    timeout: float
    once: bool

    def __repr__(self) -> str:
        return f"<{self.method} request>"  # url and headers may hold the credential

    def forget(self) -> None:
        """Drop what may hold the credential. Python overwrites no text; this much it allows."""
        self.headers, self.url = {}, ""


class _Lost(aiohttp.ClientError):
    """The connection broke. aiohttp sends GET, PUT and DELETE a second time by itself unless it sees this instead."""


async def _never_twice(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        lost = True
    assert lost  # noqa: S101 - raised outside of the block, so that the broken request is not its context
    raise _Lost


def prepare(definition: ToolDefinition, args: templating.Arguments, *, idempotency_key: str) -> Outgoing:
    """The request of one call but its credential, its address checked as far as its text tells. Nothing is sent.

    Raises `InvalidArguments` or `HostNotAllowed`.
    """
    prepared = templating.fill(definition, args)
    base = _base(definition, prepared, has_credential=definition.credential is not None)
    headers = {"Accept": "application/json", "User-Agent": "deny_web"}
    taken = {name.lower() for name in prepared.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in taken} | prepared.headers
    headers |= {"Accept-Encoding": "identity", "Idempotency-Key": idempotency_key}
    return Outgoing(
        method=prepared.method,
        host=definition.host,
        path=prepared.path,
        url=f"{base}{prepared.path}" + (f"?{prepared.query}" if prepared.query else ""),
        headers=headers,
        body=prepared.body,
        timeout=definition.request.timeout,
        once=not definition.request.idempotent,
    )


def authorise(outgoing: Outgoing, definition: ToolDefinition, credential: bytes | None) -> None:
    """Put the credential into its place in the request, if the tool takes one.

    Raises `ToolError` "credential_not_found" where there is none, or one that cannot be used.
    """
    if definition.credential is None:
        return
    if credential is None:
        raise ToolError("credential_not_found")
    headers, query = place(definition.credential, credential)
    outgoing.headers |= headers
    if query:
        outgoing.url += ("&" if "?" in outgoing.url else "?") + query


def send(
    outgoing: Outgoing, *, should_stop: Callable[[], bool] | None = None, started: float | None = None
) -> Exchange:
    """Send a request and wait for the whole answer. Blocks; call it from a worker's thread.

    The timeout counts from `started` (of `time.monotonic`), so that a process that was held up sends nothing late.
    `should_stop` is asked twice a second. Raises `HostNotAllowed`, `Stopped`, or `ToolError` with "upstream_error"
    (any answer but 2xx, with its status) or "upstream_timeout".
    """
    began = time.monotonic()
    remaining = outgoing.timeout - (began - started if started is not None else 0)
    try:
        status, body = _wait(loop.submit(_exchange(outgoing, remaining)), should_stop)
    finally:
        outgoing.forget()
    duration_ms = round((time.monotonic() - began) * 1000)
    return Exchange(outgoing.method, outgoing.host, outgoing.path, status, duration_ms, body)


def place(where: Credential, credential: bytes) -> tuple[dict[str, str], str]:
    """The headers and the query text that carry `credential`. Raises `ToolError` where it cannot stand there."""
    if len(credential.decode("utf-8", "replace")) < MIN_CREDENTIAL:
        raise ToolError("credential_not_found", reason="unusable credential")
    if where.place == "query":
        return {}, f"{quote(where.name, safe='')}={quote(credential, safe='')}"
    if where.place == "basic":
        pair = credential if b":" in credential else credential + b":"
        return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}, ""
    if not _PRINTABLE.fullmatch(credential):
        raise ToolError("credential_not_found", reason="unusable credential")
    text = credential.decode("ascii")
    return ({"Authorization": f"Bearer {text}"} if where.place == "bearer" else {where.name: text}), ""


def _base(definition: ToolDefinition, prepared: templating.Prepared, *, has_credential: bool) -> str:
    if definition.demo:
        if not (settings.DEMO and settings.DEMO_URL):
            raise HostNotAllowed("the offline demo is switched off")
        return str(settings.DEMO_URL).rstrip("/")
    try:
        target = addresses.parse(prepared.base)
    except AddressRefused as error:
        raise HostNotAllowed(error.sentence) from None
    if target.scheme == "http" and has_credential and not target.allowed:
        raise HostNotAllowed("a credential does not travel over http://; use https://")
    return prepared.base


def _wait(future: "Future[tuple[int, bytes] | ToolError]", should_stop: Callable[[], bool] | None) -> tuple[int, bytes]:
    while True:
        try:
            outcome = future.result(_POLL_SECONDS)
        except TimeoutError:
            if should_stop and should_stop():
                future.cancel()  # closes the connection
                raise Stopped from None
            continue
        if isinstance(outcome, ToolError):
            raise outcome
        return outcome


async def _exchange(outgoing: Outgoing, seconds: float) -> tuple[int, bytes] | ToolError:
    if seconds <= 0:
        return ToolError("upstream_timeout")
    try:
        async with (
            asyncio.timeout(seconds),
            _POOLS[outgoing.once]
            .session()
            .request(
                outgoing.method,
                URL(outgoing.url, encoded=True),
                headers=outgoing.headers,
                data=outgoing.body,
                allow_redirects=False,
                middlewares=(_never_twice,) if outgoing.once else (),
            ) as response,
        ):
            if not 200 <= response.status < 300:
                response.close()
                return ToolError("upstream_error", response.status)
            body = await _body(response)
    except AddressRefused as error:
        return HostNotAllowed(error.sentence)
    except TimeoutError:
        return ToolError("upstream_timeout")
    except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError):
        return ToolError("upstream_error", reason="no connection, or a broken answer")
    if body is None:
        return ToolError("upstream_error", reason="answer too large")
    return response.status, body


async def _body(response: aiohttp.ClientResponse) -> bytes | None:
    """The answer's bytes; None for one that is too long, or encoded though we asked for none (a small bomb is one)."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        response.close()
        return None
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            response.close()
            return None
    return bytes(body)
