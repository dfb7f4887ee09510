"""Which addresses that a tenant types may be reached: tools', upstreams', deny.sh servers', webhooks'.

The attack is server-side request forgery (OWASP A10).

Three gates, each enough against its attack:

* `read` takes only plain spellings: no user part, no backslash, no percent sign or non-ASCII letter in the host, where
  two parsers would disagree about which host is meant.
* `parse` refuses numbers that are not canonical IPv4 (octal, hex, dword, short forms) and every literal that is not
  public.
* `Resolver` checks what a name resolves to at the moment of connecting and hands those very addresses to the socket, so
  that a name cannot answer twice (rebinding). One private answer among public ones refuses them all.

``settings.TOOL_ALLOWED_HOSTS`` ("host:port") is the operator's list of exemptions. Redirects are the caller's to switch
off: a redirect is a second address that nobody checked.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings


class AddressRefused(ValueError):
    """`sentence` says which rule refused the address; it never repeats the address's query or user part."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")  # URL Standard, "ends in a number checker"
_REFUSED4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host endpoint: public by number, private by use
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_PUBLIC6 = ipaddress.IPv6Network("2000::/3")  # the only block that IANA hands out for the public internet
_REFUSED6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, ORCHID, benchmarking: RFC 2928
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address
        "3fff::/20",
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = 0x00005EFE  # RFC 5214: interface ids 0000:5efe:a.b.c.d and 0200:5efe:a.b.c.d carry an IPv4 address


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads. `host`: in lower case, without brackets. `allowed`: on the operator's list."""

    scheme: str
    host: str
    port: int
    allowed: bool


def read(url: str) -> Target:
    """The target of a URL in plain spelling. Raises `AddressRefused`; says nothing yet about private addresses."""
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\#]", url):
        raise AddressRefused("the address holds a blank, a backslash, a # or a letter outside ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("the address cannot be read") from None
    if parts.scheme not in _PORTS:
        raise AddressRefused("an address begins with https:// or http://")
    if "@" in parts.netloc:
        raise AddressRefused("an address may not carry a user or a password")
    if parts.netloc.endswith(":") or port == 0:
        raise AddressRefused("the address has no usable port")
    host = parts.hostname or ""
    if not (_is_ipv6_literal(parts.netloc, host) or _is_name(host)):
        raise AddressRefused("the address has no plain host name")
    port = port or _PORTS[parts.scheme]
    return Target(parts.scheme, host, port, is_allowed(host, port))


def parse(url: str) -> Target:
    """The target of a URL that may be called as far as its text tells. Raises `AddressRefused`."""
    target = read(url)
    if target.allowed:
        return target
    if ":" in target.host:
        literal: str | None = target.host
    elif _ENDS_IN_A_NUMBER.fullmatch(target.host):
        literal = target.host
    else:
        literal = None
    if literal is not None and not is_public(literal):
        raise AddressRefused("the address is private, or an unusual spelling of a number")
    return target


def check(url: str) -> Target:
    """`parse`, and a look at what the name resolves to now: for telling a person early. Blocks on DNS.

    Whoever connects still has to use `Resolver`, since the name may resolve otherwise a moment later.
    """
    target = parse(url)
    if not target.allowed:
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except OSError:
            raise AddressRefused("the host name does not resolve") from None
        _all_public(str(info[4][0]) for info in found)
    return target


def is_allowed(host: str, port: int) -> bool:
    """Whether the operator lets tools reach `host`:`port` though it is private."""
    return (host.lower(), port) in {_host_and_port(entry) for entry in settings.TOOL_ALLOWED_HOSTS}


def is_public(address: str) -> bool:
    """Whether a literal address is on the public internet, and none in disguise. Odd spellings are not."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not any(ip in network for network in _REFUSED4)
    if ip.scope_id is not None:
        return False
    if ip.ipv4_mapped:
        return is_public(str(ip.ipv4_mapped))
    if ip in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    if (int(ip) >> 32) & 0xFDFFFFFF == _ISATAP:
        return False
    return ip in _PUBLIC6 and ip.is_global and not any(ip in network for network in _REFUSED6)


# A pool of its own, and a wide one: a look-up that hangs holds its thread until the system gives up, and the few
# threads that an event loop has by default would soon all hang for one tenant's dead name server.
_look_ups = ThreadPoolExecutor(max_workers=64, thread_name_prefix="deny-web-dns")


class Resolver(AbstractResolver):
    """For aiohttp's connector: resolves a name and refuses it unless every answer is public.

    aiohttp connects to the addresses that this returns and to no others; it does not ask for literals, so call `parse`
    first. Switch the connector's DNS cache off, or a change of `TOOL_ALLOWED_HOSTS` lags behind.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, family=family)
        found = await asyncio.get_running_loop().run_in_executor(_look_ups, look_up)
        if not is_allowed(host, port):
            _all_public(str(info[4][0]) for info in found)
        return [_result(host, port, info[0], info[2], str(info[4][0])) for info in found]

    async def close(self) -> None:
        """Nothing is held open."""


def _result(hostname: str, port: int, family: int, proto: int, address: str) -> ResolveResult:
    flags = socket.AI_NUMERICHOST
    return ResolveResult(hostname=hostname, host=address, port=port, family=family, proto=proto, flags=flags)


def _all_public(addresses: Iterable[str]) -> None:
    if not all(is_public(address) for address in addresses):
        raise AddressRefused("the host name leads to a private address")


def _is_name(host: str) -> bool:
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split("."))


def _is_ipv6_literal(netloc: str, host: str) -> bool:
    if not netloc.startswith("["):
        return False
    try:
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _host_and_port(entry: str) -> tuple[str, int]:
    host, _, port = entry.rpartition(":")
    return host.strip("[]").lower(), int(port) if port.isdigit() else 0
