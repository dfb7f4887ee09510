"""Where a request came from, as a line for people: "203.0.113.7, POST /v1/responses"."""

import ipaddress

from tenants.sessions import Scope

UNKNOWN = "an unknown address"


def of(scope: Scope | None) -> str:
    """The address that limits see too, behind a proxy by FORWARDED_ALLOW_IPS, and the route."""
    return f"{_address(scope)}, {_route(scope)}" if scope else ""


def _address(scope: Scope) -> str:
    host = str((scope.get("client") or ("",))[0])
    try:
        # A proxy may hand on whatever it was sent, and a zone is free text: neither may write into somebody's mail.
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return UNKNOWN


def _route(scope: Scope) -> str:
    """The path without what the caller put into it, which could be the very value that nobody may be told."""
    path = f"{scope.get('path', '')}/"
    for name, value in reversed((scope.get("path_params") or {}).items()):
        before, found, behind = path.rpartition(f"/{value}/")
        path = f"{before}/{{{name}}}/{behind}" if found else path
    return f"{'socket' if scope.get('type') == 'websocket' else scope.get('method', '')} {path.rstrip('/')}"
