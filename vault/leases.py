"""The lease: the time in which tools may open one compartment. `vault.lease_format` has its bytes.

One Valkey key a tenant, so that a new lease replaces the old one everywhere at once. Calls carry the id of the lease
that they were made under; under another one they end `vault_locked`, since a person who unlocks another compartment
must not have a call of the first one's act on the second's account. Nothing outside Valkey keeps the key: losing it
locks the vault, and nobody caches.

An agent that runs unattended gets the password from its worker's environment, VAULT_PASSWORD_<SLUG>. A person who
unlocks or locks by hand latches the vault: the environment stays unused until `unattended` clears it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import redis
from django.db import transaction
from django.db.models import F

from deny_web import ids, valkey
from tenants import audit
from tenants.models import Tenant
from vault import compartments, lease_format
from vault.compartments import Actor, Opened, acting
from vault.errors import Busy, NoVault, Refused, Unavailable, WrongPassword
from vault.lease_format import LONGEST_TTL, Lease
from vault.models import VaultHeader
from vault.signals import lease_changed

UNLOCK, LOCK = "vault.unlock", "vault.lock"
_MEANWHILE = (
    "Somebody locked or unlocked the vault at the same moment. Look at its state, and unlock it if it is locked."
)
DEFAULT_TTL = 8 * 3600  # seconds: a working day
_DELETE_IF_SAME = """
local stored = redis.call('GET', KEYS[1])
if stored and string.find(stored, ARGV[1], 1, true) then return redis.call('DEL', KEYS[1]) end
return 0
"""


def unlock(tenant: Tenant, password: str, *, ttl: int = DEFAULT_TTL, actor: Actor) -> Lease:
    """Let tools open the password's compartment for `ttl` seconds; any lease before ends now.

    Raises:
        WrongPassword: the lease before stays. Refused: `ttl` is out of range.
        Busy: somebody unlocked or locked at the same moment, too. NoVault, InvalidPassword, Damaged, Unavailable.
    """
    if not 1 <= ttl <= LONGEST_TTL:
        raise Refused(f"Choose a time from 1 second to {LONGEST_TTL // 86400} days.")
    opened = compartments.open_with(tenant, password)
    try:
        with acting(tenant, opened, UNLOCK, actor=actor):
            _latch(tenant, True)
            mine = generation(tenant.pk)
    except WrongPassword:
        _as_if(tenant.pk, opened, ttl)
        raise
    # After the audit row is safe: the other way round a crash between the two would leave an unlocked vault that no
    # row tells of.
    lease = begin(tenant.pk, opened, ttl=ttl, by_environment=False, generation=mine)
    if lease is None:
        raise Unavailable
    # A lock that ran whole since the audit row found nothing to delete, and has said "locked". The lease serves nothing
    # for its generation; it must not stand there as if it did.
    if generation(tenant.pk) != mine:
        withdraw(lease, tenant.pk)
        raise Busy(_MEANWHILE)
    return lease


def lock(tenant: Tenant, *, actor: Actor) -> None:
    """End the lease, and keep the environment's password unused until `unattended`. Locking twice is fine.

    Raises:
        NoVault, Unavailable.
    """
    _forget(tenant.pk)  # first of all, so that locking works even where the database does not
    with transaction.atomic():
        _latch(tenant, True)
        audit.record(tenant, LOCK, actor=actor)
    end(tenant.pk)  # once more: a worker may have unlocked unattended before the latch was set


def unattended(tenant: Tenant, *, actor: Actor) -> None:
    """Hand the vault back to the environment's password: a lease of a person's ends, and the next call unlocks.

    Raises:
        NoVault, Unavailable.
    """
    with transaction.atomic():
        _latch(tenant, False)
        audit.record(tenant, UNLOCK, actor=actor, detail={"unattended": True})
    end(tenant.pk)


def current(tenant_id: UUID) -> Lease | None:
    """The lease that runs, or None: locked. Opens nothing, holds no key.

    Raises:
        Unavailable: Valkey does not answer.
    """
    return lease_format.parse(stored(tenant_id))


def end(tenant_id: UUID) -> None:
    """End the lease without a latch and without an audit row of its own; for acts that have one."""
    _forget(tenant_id)
    lease_changed.send_robust(Lease, tenant_id=tenant_id, lease=None)


def generation(tenant_id: UUID) -> int:
    """How often people have unlocked or locked. Raises NoVault."""
    for number in VaultHeader.objects.for_tenant(tenant_id).values_list("lease_generation", flat=True):
        return number
    raise NoVault


def begin(tenant_id: UUID, opened: Opened, *, ttl: int, by_environment: bool, generation: int) -> Lease | None:
    """Put a lease in Valkey. One that the environment asks for replaces none: None says that one runs already."""
    expires_at = datetime.fromtimestamp(int(time.time() * 1000) / 1000, UTC) + timedelta(seconds=ttl)
    lease = Lease(ids.new("lease"), expires_at, by_environment, opened.version, generation)
    stored = lease_format.seal(lease, tenant_id, opened.compartment)
    with _valkey() as client:
        if not client.set(_name(tenant_id), stored, px=ttl * 1000, nx=by_environment):
            return None
    lease_changed.send_robust(Lease, tenant_id=tenant_id, lease=lease)
    return lease


def _as_if(tenant_id: UUID, opened: Opened, ttl: int) -> None:
    """What `begin` does, for a password that opens nothing: sealed, sent and told alike, so that it takes as long. What
    is sent has a name that nobody reads, and is gone in a millisecond."""
    with suppress(Unavailable):
        lease = Lease(ids.new("lease"), datetime.now(UTC) + timedelta(seconds=ttl), False, opened.version)
        sealed = lease_format.seal(lease, tenant_id, opened.compartment)
        with _valkey() as client:
            client.set(f"{_name(tenant_id)}:none", sealed, px=1)
        lease_changed.send_robust(Lease, tenant_id=tenant_id, lease=current(tenant_id))
        generation(tenant_id)


def withdraw(lease: Lease, tenant_id: UUID) -> None:
    """End this lease, and no other that replaced it meanwhile."""
    with _valkey() as client:
        gone = client.eval(_DELETE_IF_SAME, 1, _name(tenant_id), lease.id)
    if gone:
        lease_changed.send_robust(Lease, tenant_id=tenant_id, lease=None)


def stored(tenant_id: UUID) -> bytes | None:
    """The sealed lease, for `lease_format`.

    Raises:
        Unavailable: Valkey does not answer.
    """
    with _valkey() as client:
        value = client.get(_name(tenant_id))
    return value if isinstance(value, bytes) else None


def _forget(tenant_id: UUID) -> None:
    with _valkey() as client:
        client.delete(_name(tenant_id))


def _latch(tenant: Tenant, latched: bool) -> None:
    """Set the latch, and end every lease there is: what Valkey has may be late, or be brought back."""
    header = VaultHeader.objects.for_tenant(tenant)
    if not header.update(unattended_latched=latched, lease_generation=F("lease_generation") + 1):
        raise NoVault


def _name(tenant_id: UUID) -> str:
    return f"vault:lease:{tenant_id}"


@contextmanager
def _valkey() -> Iterator[redis.Redis]:
    try:
        yield valkey.sync()
    except redis.RedisError:
        # From None: an error of the client's can carry the command, and the command carries the sealed lease.
        raise Unavailable from None
