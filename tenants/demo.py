"""The demo workspace: opened by a one-time address that `serve` prints on a loopback host, without signing up."""

import hashlib
import secrets
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from deny_web import valkey
from tenants import actions, slugs
from tenants.access import Principal
from tenants.models import Membership, Role, Tenant, User

LIFE = 15 * 60  # seconds
EMAIL = "demo@demo.invalid"  # a name that no mail can reach and, without a password, nobody can sign in with
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

_seeds: list[Callable[[Principal], None]] = []
_openers: list[Callable[[Tenant], None]] = []


class DemoOff(RuntimeError):
    """The demo is switched off, or the address is not a loopback one."""


def register_seed(seed: Callable[[Principal], None]) -> None:
    """Run `seed(principal)` once in the transaction that makes the demo workspace; called from `AppConfig.ready`."""
    if seed not in _seeds:
        _seeds.append(seed)


def register_opener(opener: Callable[[Tenant], None]) -> None:
    """Run `opener(tenant)` before each address is made, at every start so; called from `AppConfig.ready`."""
    if opener not in _openers:
        _openers.append(opener)


def one_time_url(base_url: str) -> str:
    """An address that signs its first visitor in to the demo workspace, for 15 minutes.

    `base_url` is the web server's own, such as `http://127.0.0.1:8000`.

    Raises:
        DemoOff: DEMO is not set, or `base_url` is not a loopback address.
    """
    if not settings.DEMO or urlsplit(base_url).hostname not in _LOOPBACK:
        raise DemoOff("The demo runs on a loopback host only, with DEMO on.")
    tenant = workspace().tenant
    for opener in _openers:
        opener(tenant)
    token = secrets.token_urlsafe(32)
    valkey.sync().set(_slot(token), b"1", ex=LIFE)
    return f"{base_url.rstrip('/')}{reverse('start_demo')}?{urlencode({'token': token})}"


def redeem(token: str) -> User | None:
    """The demo's person, once for each token; None for a token that is used, expired or made up."""
    if not token or not valkey.sync().delete(_slot(token)):  # deleting is the claim: of two visitors one gets 1
        return None
    return workspace().user


def workspace() -> Principal:
    """The demo workspace and its owner, made and seeded the first time."""
    with transaction.atomic():
        found = Membership.objects.select_related("tenant", "user").filter(tenant__demo=True, user__email=EMAIL).first()
        if found:
            return Principal(found.tenant, Role(found.role), found.user)
        user = User.objects.filter(email=EMAIL).first() or User.objects.create_user(EMAIL)
        slug = slugs.free("demo") if Tenant.objects.filter(slug="demo").exists() else "demo"
        principal = actions.create_tenant("Demo", slug=slug, demo=True, acting=user)
        for seed in _seeds:
            seed(principal)
    return principal


def _slot(token: str) -> str:
    # Valkey keeps the hash only: whoever can read it there cannot open the demo with what they read.
    return "demo-token:" + hashlib.sha256(token.encode()).hexdigest()
