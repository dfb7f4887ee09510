"""Summaries that travel: sealed under a key that outlives the server key that it comes from.

    K      = HKDF-SHA256(server key, info="deny-web/v1/compaction")                32 bytes, `vault.derived_keys`
    sealed = u32 key id ‖ slot(K, "deny-web/v1/compaction-slot", summary, 0x01‖tenant_id)

A compaction is kept by clients, where nobody can seal it afresh, and stands in what they sent back. So before a server
key is retired, K goes to `DATA_DIR/compaction_keys`. Whoever has K can read summaries of that day and make up others
for a workspace that lets them in, which may say there what they like anyway; it opens nothing else.
"""

import struct
from uuid import UUID

from vault import sealing, server_keys
from vault.derived_keys import DerivedKeys
from vault.errors import Damaged

_LABEL = b"deny-web/v1/compaction-slot"
_KEY_ID = struct.Struct(">I")
_KEYS = DerivedKeys(
    b"deny-web/v1/compaction",
    file="compaction_keys",
    heading="# deny_web compaction keys of retired server keys. Summaries of their day open under them alone.",
)
keep = _KEYS.keep
check = _KEYS.check


def seal(tenant_id: UUID, summary: bytes) -> bytes:
    """What `open` takes back, from this workspace alone."""
    key_id = server_keys.current().id
    return _KEY_ID.pack(key_id) + sealing.seal(_KEYS.by_id(key_id), _LABEL, summary, sealing.VERSION + tenant_id.bytes)


def open(tenant_id: UUID, sealed: bytes) -> bytes:
    """The summary.

    Raises:
        Damaged: changed, or sealed for another workspace.
        UnknownServerKey: its key is neither here nor written down.
    """
    if len(sealed) <= _KEY_ID.size:
        raise Damaged
    (key_id,) = _KEY_ID.unpack_from(sealed)
    slot = sealed[_KEY_ID.size :]
    summary = sealing.open_slot(_KEYS.by_id(key_id), _LABEL, slot, sealing.VERSION + tenant_id.bytes)
    if summary is None:
        raise Damaged
    return summary
