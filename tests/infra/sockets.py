"""No test talks to the outside: a connection or a look-up that leaves this machine is refused, and fails its test.

An audit hook sees every connection of the process, whichever library makes it, and cannot be taken out again. Only
uvloop is below it; tests run on asyncio's own loop.
"""

import ipaddress
import sys
from typing import Any

attempts: list[str] = []


class OutsideConnection(OSError):
    """A test tried to leave this machine."""


def install() -> None:
    """Refuse from now on, for as long as this process lives."""
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a unix socket's address is a path
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host and not _is_local(host):
        attempts.append(f"{event} {host!r}")
        raise OutsideConnection(f"{event} to {host!r}: tests stay on this machine")


def _is_local(host: str | bytes) -> bool:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return name in {"localhost", "testserver"}
