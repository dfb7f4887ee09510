"""Secrets that the web process itself must open: upstream keys and headers. Under a server key, not a password.

    stored = u32 key id ‖ slot(server key, "deny-web/v1/field", plaintext, 0x01‖tenant_id‖purpose)

Bound to the tenant and the purpose, so that a key copied into another workspace's row, or a header into a key's
column, does not open. Unlike the vault, the length shows.
"""

import struct
from uuid import UUID

from vault import sealing, server_keys
from vault.errors import Damaged

LABEL = b"deny-web/v1/field"
_KEY_ID = struct.Struct(">I")


def seal(purpose: str, tenant_id: UUID, plaintext: bytes) -> bytes:
    """`plaintext` as it may be stored, for `open` with the same purpose and tenant."""
    key = server_keys.current()
    return _KEY_ID.pack(key.id) + sealing.seal(key.secret, LABEL, plaintext, _aad(purpose, tenant_id))


def open(purpose: str, tenant_id: UUID, stored: bytes | memoryview) -> bytes:
    """What was sealed.

    Raises:
        Damaged: changed, or sealed for another purpose or tenant.
        UnknownServerKey: sealed under a server key that is not configured.
    """
    stored = bytes(stored)
    if len(stored) <= _KEY_ID.size:
        raise Damaged
    (key_id,) = _KEY_ID.unpack_from(stored)
    slot = stored[_KEY_ID.size :]
    plaintext = sealing.open_slot(server_keys.by_id(key_id).secret, LABEL, slot, _aad(purpose, tenant_id))
    if plaintext is None:
        raise Damaged
    return plaintext


def _aad(purpose: str, tenant_id: UUID) -> bytes:
    return sealing.VERSION + tenant_id.bytes + purpose.encode()
