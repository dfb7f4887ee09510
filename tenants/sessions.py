"""A WebSocket's handshake read as Django reads a request: headers, query, origin, session."""

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http.request import split_domain_port, validate_host

from tenants.models import User

Scope = Mapping[str, Any]  # ASGI's connection scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that (lower-case) name."""
    return next((value.decode("latin-1") for key, value in scope.get("headers", ()) if key.lower() == name), None)


def query(scope: Scope, name: str) -> str:
    """A query parameter, or the empty string."""
    given: bytes = scope.get("query_string", b"")
    return parse_qs(given.decode("latin-1")).get(name, [""])[0]


def same_origin(scope: Scope) -> bool:
    """Whether the page that opens the socket is ours: its origin names the very host and port that it connects to.

    Behind a proxy that rewrites Host, PUBLIC_URL puts the public origin into CSRF_TRUSTED_ORIGINS.
    """
    origin, host = header(scope, b"origin"), header(scope, b"host")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    if not origin or not host:
        return False
    # The Host header is the attacker's own word after DNS rebinding; ALLOWED_HOSTS is ours.
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return False
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()


def user(scope: Scope) -> User | None:
    """The signed-in person, read anew from the session store; None when the session ended or the password changed."""
    key = _session_key(scope)
    if not key:
        return None
    session = _Snapshot(import_module(settings.SESSION_ENGINE).SessionStore(key).load())
    found = get_user(_Request(session))  # type: ignore[arg-type] # it needs the session only; checks the password's hash
    return found if found.is_authenticated and found.is_active else None


class _Snapshot(dict[str, Any]):
    """A session's data without its store: a socket cannot set a cookie, so nothing here may renew or end a session."""

    def flush(self) -> None:
        self.clear()

    def cycle_key(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Request:
    session: _Snapshot


def _session_key(scope: Scope) -> str | None:
    try:
        cookie = SimpleCookie(header(scope, b"cookie") or "")
    except CookieError:
        return None
    morsel = cookie.get(settings.SESSION_COOKIE_NAME)
    return morsel.value if morsel else None
