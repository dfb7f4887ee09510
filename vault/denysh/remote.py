"""A credential from a workspace's deny.sh server, by the wire that the SDK speaks: the list, then the label's newest
item, opened here.

Not by the SDK's own client, which resolves the name by itself and follows redirects: here the address that was checked
is the address connected to. Nothing raised holds an address, a key or the server's words.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
from aiohttp.http_exceptions import HttpProcessingError

from deny_web import loop
from tenants import addresses
from tenants.addresses import AddressRefused
from vault.denysh import sealing
from vault.denysh.sealing import Sealed
from vault.denysh.server import Server
from vault.errors import CredentialNotFound, Refused, SourceFailed, VaultError, VaultLocked

PATIENCE = 10.0  # seconds for both requests, names, handshakes and bodies included
MOST = 4 * 1024 * 1024  # bytes of an answer
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


def fetch(server: Server, label: str) -> bytes:
    """The value under `label`. Blocks; for a worker's thread.

    Raises:
        CredentialNotFound: the server has no such label.
        VaultLocked: it refuses the key, or the password opens nothing that is text.
        SourceFailed: it cannot be reached, or answers with something else.
        Busy: too many key derivations at once.
    """
    found = loop.submit(_item(server, label)).result()
    if isinstance(found, VaultError):
        raise found
    try:
        value = sealing.open_sealed(_sealed(found), server.password)
    except Refused:
        raise VaultLocked("The password for the deny.sh server cannot be used.") from None
    try:
        value.decode()
    except UnicodeDecodeError:
        # The format tells a wrong password by nothing else: it gives noise.
        raise VaultLocked("The password opens nothing in this deny.sh item.") from None
    return value


async def _item(server: Server, label: str) -> Mapping[str, Any] | VaultError:
    """The sealed item. Errors are given back, so that none has a request as its context."""
    try:
        if not server.trusted:
            addresses.parse(server.base_url)  # a literal address never reaches the resolver
        async with asyncio.timeout(PATIENCE), _session(server) as session:
            listed = await _get(session, f"{server.base_url}/vault/list")
            return await _get(session, f"{server.base_url}/vault/{_newest(listed, label)}")
    except VaultError as error:
        return error.with_traceback(None)
    except (AddressRefused, TimeoutError, aiohttp.ClientError, HttpProcessingError, OSError, ValueError):
        return SourceFailed()


def _session(server: Server) -> aiohttp.ClientSession:
    # The resolver checks the very addresses that the connector then uses, so a name cannot be rebound in between.
    resolver = None if server.trusted else addresses.Resolver()
    headers = {
        "Authorization": f"Bearer {server.key}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "deny_web",
    }
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=server.trusted), headers=headers
    )


async def _get(session: aiohttp.ClientSession, url: str) -> Mapping[str, Any]:
    async with session.get(url, allow_redirects=False) as response:
        if response.status in (401, 403):
            raise VaultLocked("The deny.sh server refuses the API key.")
        if response.status == 404:
            raise CredentialNotFound
        if response.status != 200 or response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise SourceFailed
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MOST:
                response.close()
                raise SourceFailed
    found = orjson.loads(body)
    if not isinstance(found, dict):
        raise SourceFailed
    return found


def _newest(listed: Mapping[str, Any], label: str) -> str:
    items = listed.get("items")
    if not isinstance(items, list):
        raise SourceFailed
    matching = [item for item in items if isinstance(item, dict) and item.get("label") == label]
    if not matching:
        raise CredentialNotFound
    # As the SDK picks: the greatest text, and the first of equal ones.
    newest = max(matching, key=lambda item: str(item.get("created_at") or "")).get("id")
    if not isinstance(newest, str) or not _ID.fullmatch(newest):
        raise SourceFailed
    return newest


def _sealed(item: Mapping[str, Any]) -> Sealed:
    try:
        sealed = Sealed(*(bytes.fromhex(item[name]) for name in ("salt", "iv", "encryptedData")))
    except (KeyError, TypeError, ValueError):
        raise SourceFailed from None
    if len(sealed.iv) != sealing.IV or not 8 <= len(sealed.salt) <= 64 or len(sealed.data) > sealing.LONGEST:
        raise SourceFailed
    return sealed
