"""The deny.sh server that a workspace names: address, API key and password, for `vault.denysh.remote`.

While one is named, tools take every credential from it and none from the vault here: falling back from one to the other
would let whoever stops the server choose which account a tool uses.
"""

from dataclasses import dataclass, field
from uuid import UUID

import orjson
from django.db import transaction

from deny_web.prepared import Query
from tenants import addresses, audit
from tenants.access import Act, Principal
from tenants.addresses import AddressRefused
from tenants.models import Tenant
from tenants.rules import Refused, need
from vault import sealed_fields
from vault.derivation import LONGEST
from vault.models import DenyServer

WRITE = "denysh.server"
_LONGEST_KEY = 1000  # characters
_LONGEST_URL = 500
_NAMED = Query(lambda tenant: DenyServer.objects.for_tenant(tenant), UUID)


@dataclass(frozen=True, slots=True)
class Server:
    """A server as the tools worker uses it. `trusted`: an operator named it, who may name a private address."""

    base_url: str
    key: str = field(repr=False)
    password: str = field(repr=False)
    trusted: bool


def connect(base_url: str, *, key: str = "", password: str = "", acting: Principal) -> DenyServer:
    """Let the workspace's tools take their credentials from the server at `base_url` (up to and including /api).

    An empty key or password means the stored one, as long as the address stays: whoever may edit the address could
    otherwise have them sent to a server of their own.

    Raises:
        Refused: an address that may not be called, or something is missing or too long.
        PermissionDenied: the acting principal may not.
    """
    need(acting, Act.VAULT_WRITE)
    tenant, operator = acting.tenant, acting.user is None
    base_url = base_url.strip().rstrip("/")
    _check_url(base_url, operator)
    with transaction.atomic():
        row = DenyServer.objects.for_tenant(tenant).select_for_update().first()
        if row is not None and row.base_url == base_url and not (key and password):
            stored = _open(row)
            key, password = key or stored.key, password or stored.password
        _check_secrets(key, password)
        row = row or DenyServer(tenant=tenant)
        row.base_url, row.by_operator = base_url, operator
        row.sealed = sealed_fields.seal(purpose(row), tenant.pk, orjson.dumps({"key": key, "password": password}))
        row.save()
        audit.record(tenant, WRITE, actor=acting, subject=base_url)
    return row


def disconnect(*, acting: Principal) -> bool:
    """Back to the vault here; False when no server was named. Raises PermissionDenied."""
    need(acting, Act.VAULT_WRITE)
    with transaction.atomic():
        removed, _ = DenyServer.objects.for_tenant(acting.tenant).delete()
        if removed:
            audit.record(acting.tenant, WRITE, actor=acting)
    return bool(removed)


def named(tenant: Tenant | UUID) -> DenyServer | None:
    found: DenyServer | None = _NAMED.first(tenant.pk if isinstance(tenant, Tenant) else tenant)
    return found


def of(tenant_id: UUID) -> Server | None:
    """The workspace's server with its secrets; for tools workers.

    Raises:
        Damaged: what is stored is not what this server wrote for this workspace and this address.
    """
    row = named(tenant_id)
    return _open(row) if row else None


def purpose(row: DenyServer) -> str:
    """What the secrets are bound to. The address is in it: changed in the database alone, it gets no key."""
    return f"deny-server:{row.by_operator:d}:{row.base_url}"


def _open(row: DenyServer) -> Server:
    secrets = orjson.loads(sealed_fields.open(purpose(row), row.tenant_id, row.sealed))
    return Server(row.base_url, secrets["key"], secrets["password"], row.by_operator)


def _check_url(base_url: str, operator: bool) -> None:
    if len(base_url) > _LONGEST_URL or "?" in base_url:
        raise Refused("This address cannot be used: give it up to and including /api.")
    try:
        # An operator may name a server on this machine or in this network; the spelling is checked all the same.
        target = addresses.read(base_url) if operator else addresses.parse(base_url)
        if target.scheme == "http" and not (operator or target.allowed):
            raise AddressRefused("a key does not travel over http://; use https://")
        if not operator:
            addresses.check(base_url)
    except AddressRefused as refused:
        raise Refused(f"This address cannot be used: {refused.sentence}.") from None


def _check_secrets(key: str, password: str) -> None:
    if not key or len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Refused("Give the server's API key, on one line.")
    if not password or len(password) > LONGEST:
        raise Refused(f"Give the password that the items are sealed under, of at most {LONGEST} characters.")
