"""What a tools worker may open: the compartment of the lease that a call was made under, and for unattended agents the
one of the environment's password.

VAULT_PASSWORD_<SLUG> is read in workers only. It is tried once per state of the header: a wrong one would otherwise
cost a key derivation with every call.
"""

import logging
import threading
from uuid import UUID

from deny_web import env
from deny_web.prepared import Query
from tenants.models import Tenant
from vault import compartments, lease_format, leases
from vault.compartments import acting
from vault.errors import Busy, Refused, VaultLocked, WrongPassword
from vault.header import Compartment
from vault.lease_format import Lease
from vault.models import VaultHeader

ACTOR = "worker"
_HEADER = Query(lambda tenant: VaultHeader.objects.for_tenant(tenant).defer("sealed"), UUID)
_log = logging.getLogger(__name__)
# One unlocking at a time: the calls of one step arrive together, and one derivation serves them all.
_unlocking = threading.Lock()
_refused: dict[UUID, int] = {}  # the header's version at which a tenant's environment password opened nothing


def compartment(tenant_id: UUID, lease_id: str) -> tuple[bytes, Compartment]:
    """The vault's id, and the compartment that a call made under `lease_id` may use.

    Raises:
        VaultLocked: no lease, another one, one of before a roll or a lock, or one that was not sealed here.
        Unavailable: Valkey does not answer.
    """
    header: VaultHeader | None = _HEADER.first(tenant_id)
    if header is None:
        raise VaultLocked
    stored = leases.stored(tenant_id)
    lease = lease_format.parse(stored)
    if lease is None and not lease_id and not header.unattended_latched:
        _unlock(header)
        stored = leases.stored(tenant_id)
        lease = lease_format.parse(stored)
    if stored is None or lease is None or not _serves(lease, lease_id, header):
        raise VaultLocked
    owner = lease_format.open_stored(stored, tenant_id)
    if owner is None:
        raise VaultLocked
    return bytes(header.vault_id), owner


def _serves(lease: Lease, lease_id: str, header: VaultHeader) -> bool:
    # A lease of before the last lock may have come into Valkey after it, or come back.
    if (lease.header_version, lease.generation) != (header.version, header.lease_generation):
        return False
    # A call made while the vault was locked waits for the environment's lease only: the next person to unlock may
    # open another compartment.
    if lease.unattended:
        return not header.unattended_latched and lease_id in ("", lease.id)
    return lease_id == lease.id


def _unlock(header: VaultHeader) -> None:
    """Unlock with the environment's password, if there is one that opens something."""
    with _unlocking:
        if leases.current(header.tenant_id) or _refused.get(header.tenant_id) == header.version:
            return
        tenant = Tenant.objects.get(pk=header.tenant_id)
        password = _password(tenant)
        if password is None:
            return
        try:
            opened = compartments.open_with(tenant, password)
            with acting(tenant, opened, leases.UNLOCK, actor=ACTOR):
                pass
        except Busy:
            raise VaultLocked("The vault is busy and could not be unlocked. Try again.") from None
        except (WrongPassword, Refused):
            _refused[tenant.pk] = header.version
            _log.error("%s opens nothing in workspace %s; its vault stays locked", variable(tenant.slug), tenant.slug)
            return
        generation = header.lease_generation
        lease = leases.begin(tenant.pk, opened, ttl=leases.DEFAULT_TTL, by_environment=True, generation=generation)
        # A person may have locked by hand during the derivation.
        if lease and leases.generation(tenant.pk) != generation:
            leases.withdraw(lease, tenant.pk)


def _password(tenant: Tenant) -> str | None:
    try:
        return env.text(variable(tenant.slug))
    except env.BadEnvironment as wrong:
        # It ends a program at its start; here it would end the worker, for every workspace.
        _log.error("%s", wrong)
        return None


def variable(slug: str) -> str:
    """The environment variable that holds a workspace's password: `a-b` reads VAULT_PASSWORD_A_B."""
    return f"VAULT_PASSWORD_{slug.upper().replace('-', '_')}"
