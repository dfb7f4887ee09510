"""A lease as it lies in Valkey. Pure bytes, no Django models.

    head   = u32 key id ‖ u8 unattended (0 or 1) ‖ u64 expiry ‖ u64 header version ‖ u64 generation
             ‖ id (46 ASCII bytes)
    stored = head ‖ slot(server key, "deny-web/v1/lease", u8 number‖master key‖31 zeros, 0x01‖tenant_id‖head)

The expiry is in milliseconds since 1970. Everything in the head is bound to the sealed part: a lease copied to another
tenant, or given a later expiry, does not open. The header version ends a lease with the roll that replaced its key, the
generation with the next unlocking or locking, even where Valkey has the lease still, or again.
"""

import struct
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from vault import header, sealing, server_keys
from vault.errors import UnknownServerKey
from vault.header import Compartment
from vault.memory import Key
from vault.sealing import KEY, VERSION

LABEL = b"deny-web/v1/lease"
_HEAD = struct.Struct(">IBQQQ46s")
_SIZE = _HEAD.size + sealing.size(header.PLAIN)
LONGEST_TTL = 7 * 24 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Lease:
    """An unlocked vault, without its key."""

    id: str
    expires_at: datetime
    unattended: bool
    header_version: int = field(repr=False)
    generation: int = field(default=0, repr=False)


def seal(lease: Lease, tenant_id: UUID, compartment: Compartment) -> bytes:
    """What is stored for the lease: bytes of one length, whatever the compartment."""
    key = server_keys.current()
    expiry = round(lease.expires_at.timestamp() * 1000)
    head = _HEAD.pack(key.id, lease.unattended, expiry, lease.header_version, lease.generation, lease.id.encode())
    return head + sealing.seal(key.secret, LABEL, header.packed(compartment), _aad(tenant_id, head))


def parse(stored: bytes | None) -> Lease | None:
    """The lease without its key, or None when there is none that still runs.

    Believes the head, which whoever writes to Valkey can forge: good for showing, not for opening.
    """
    if stored is None or len(stored) != _SIZE:
        return None
    _, unattended, expiry, version, generation, lease_id = _HEAD.unpack_from(stored)
    # Valkey ends it too, but its clock may differ. An expiry beyond any lease's is forged, and maybe beyond any date.
    if not 0 < expiry - time.time() * 1000 <= (LONGEST_TTL + 60) * 1000:
        return None
    expires_at = datetime.fromtimestamp(expiry / 1000, UTC)
    return Lease(lease_id.decode("ascii", "replace"), expires_at, bool(unattended), version, generation)


def open_stored(stored: bytes, tenant_id: UUID) -> Compartment | None:
    """The compartment, or None when it was not sealed here for this tenant with this head."""
    head = stored[: _HEAD.size]
    (key_id, *_) = _HEAD.unpack(head)
    try:
        secret = server_keys.by_id(key_id).secret
    except UnknownServerKey:
        return None
    plaintext = sealing.open_key(secret, LABEL, stored[_HEAD.size :], _aad(tenant_id, head))
    if plaintext is None:
        return None
    return Compartment(plaintext[0], plaintext[0], Key(memoryview(plaintext)[1 : 1 + KEY]))


def _aad(tenant_id: UUID, head: bytes) -> bytes:
    return VERSION + tenant_id.bytes + head
