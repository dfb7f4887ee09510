"""A WebSocket's handshake read as Django reads a request: headers, query, origin, session."""

from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http.request import split_domain_port, validate_host

from tenants.models import User


def header(scope: dict, name: bytes) -> str | None:
    """The first header of that (lower-case) name."""
    return next((value.decode("latin-1") for key, value in scope.get("headers", ()) if key.lower() == name), None)


def query(scope: dict, name: str) -> str:
    """A query parameter, or the empty string."""
    values = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(name, [""])
    return values[0]


def same_origin(scope: dict) -> bool:
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


def user(scope: dict) -> User | None:
    """The signed-in person, read anew from the session store; None when the session ended or the password changed."""
    key = _session_key(scope)
    if not key:
        return None
    session = _Snapshot(import_module(settings.SESSION_ENGINE).SessionStore(key).load())
    found = get_user(SimpleNamespace(session=session))  # checks the password's hash, as each request does
    return found if found.is_authenticated and found.is_active else None


class _Snapshot(dict):
    """A session's data without its store: a socket cannot set a cookie, so nothing here may renew or end a session."""

    def flush(self) -> None:
        self.clear()

    def cycle_key(self) -> None:
        pass


def _session_key(scope: dict) -> str | None:
    try:
        cookie = SimpleCookie(header(scope, b"cookie") or "")
    except CookieError:
        return None
    morsel = cookie.get(settings.SESSION_COOKIE_NAME)
    return morsel.value if morsel else None
