"""One POST to an address that a tenant typed: to the address that was checked, no redirect, nothing of the answer kept.

What comes back is the status alone. The body is neither read nor stored: an internal service that somebody got us to
ask would otherwise be shown to them.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from tenants import addresses
from tenants.addresses import AddressRefused, Target
from tenants.pools import Pool

_POOL = Pool(once=True, headers={"Content-Type": "application/json", "User-Agent": "deny_web"})
TIMEOUT = 15.0  # seconds for all of it: name, handshake, request, and the answer's headers

# Why there was no answer, for people.
ERRORS: Final = {
    "address_refused": "The address is private, or may not be reached from this server.",
    "timeout": "No answer within 15 seconds.",
    "no_connection": "No connection, or it broke off before the answer.",
    "unreadable": "The address or the secret could not be opened: the server key it was sealed under is not here.",
    "worker_lost": "The worker stopped while sending, each time.",
    "switched_off": "The endpoint was switched off.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: `status` of the answer, or None and `error`, a key of `ERRORS`."""

    status: int | None = None
    error: str = ""

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def check(url: str, *, resolve: bool = False) -> Target:
    """Where an address leads, as far as its text tells; with `resolve` its name too, which blocks.

    Raises:
        AddressRefused: private, odd, or without TLS; what the operator allows passes.
    """
    target = addresses.parse(url)
    if target.scheme == "http" and not target.allowed:
        raise AddressRefused("events do not travel over http://; use https://")
    return addresses.check(url) if resolve else target


async def post(url: str, headers: dict[str, str], body: str) -> Answer:
    """Send it once, on the process's own loop."""
    try:
        check(url)
        async with (
            asyncio.timeout(TIMEOUT),
            _POOL.session().post(
                URL(url, encoded=True), headers=headers, data=body.encode(), allow_redirects=False
            ) as response,
        ):
            response.close()
            return Answer(response.status)
    except AddressRefused:
        return Answer(error="address_refused")
    except TimeoutError:
        return Answer(error="timeout")
    except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError):
        return Answer(error="no_connection")
