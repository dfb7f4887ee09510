"""Where a tool call's credential comes from: the workspace's deny.sh server where it names one, else its vault here.

For tools workers only, which write the audit row of the call themselves.
"""

from uuid import UUID

from vault import entries
from vault.denysh import remote, server


def open_for_call(tenant_id: UUID, label: str, lease_id: str) -> bytes:
    """The credential under `label`; `lease_id` is the lease under which the call was made, "" if there was none.

    A deny.sh server needs no lease here: its password lies sealed under a server key, as its owner was told.

    Raises:
        VaultLocked, CredentialNotFound, Damaged, Unavailable, Busy.
        SourceFailed: the deny.sh server gave nothing usable.
    """
    source = server.of(tenant_id)
    if source is not None:
        return remote.fetch(source, label)
    return entries.open_under_lease(tenant_id, label, lease_id)
