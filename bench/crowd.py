"""Many members at once, each signed in, from an address of their own: what limits per member and address let through.

They are made in the running app's database: signing 200 people in would derive 200 keys before anything is measured.
"""

import json
import socket
from dataclasses import dataclass, field

import aiohttp

from bench import app as apps
from bench.app import App

_TOKEN = "b" * 32  # of CSRF: the cookie and the header have to be the same, and nothing else
_MAKE = """
import json
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from importlib import import_module
from tenants.models import Membership, Role, Tenant, User
store = import_module(settings.SESSION_ENGINE).SessionStore
tenant, cookies = Tenant.objects.get(slug={slug!r}), []
for n in range({count}):
    person = User.objects.create_user(f"crowd{{n}}@bench.invalid")
    Membership.objects.create(tenant=tenant, user=person, role=Role.ADMIN)
    session = store()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    cookies.append(session.session_key)
print(json.dumps({{"name": settings.SESSION_COOKIE_NAME, "cookies": cookies}}))
"""


@dataclass(frozen=True)
class Member:
    """One of them: a session's cookie, and the address that they come from."""

    cookies: dict[str, str] = field(repr=False)
    address: str

    def session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(local_addr=(self.address, 0))
        headers = {"Accept": "application/json", "X-CSRFToken": _TOKEN}
        return aiohttp.ClientSession(connector=connector, cookies=self.cookies, headers=headers)


def gather(app: App, count: int) -> list[Member]:
    """So many admins of the bench's workspace."""
    made = json.loads(app.manage("shell", "--no-imports", "-c", _MAKE.format(slug=apps.SLUG, count=count)))
    return [
        Member({made["name"]: cookie, "csrftoken": _TOKEN}, _address(n)) for n, cookie in enumerate(made["cookies"])
    ]


def _address(n: int) -> str:
    """A loopback address of one's own where the machine has them all, as Linux does; else the one that there is."""
    address = f"127.0.{1 + n // 250}.{1 + n % 250}"
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return "127.0.0.1"
    return address
