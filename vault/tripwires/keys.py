"""The keys under which honeytokens are told again: HMAC keys, one a workspace and one server key.

    K       = HKDF-SHA256(server key, info="deny-web/v1/tripwire")                 32 bytes, `vault.derived_keys`
    K_t     = HKDF-SHA256(K, info="deny-web/v1/tripwire-tenant"‖tenant_id)         marks of one workspace
    K_b     = HKDF-SHA256(K, info="deny-web/v1/tripwire-bucket")                   which rows an API key may be

A honeytoken names the server key that its hashes come from, and keeps it: nobody has the value to hash it afresh. When
that server key is retired, K goes to `DATA_DIR/tripwire_keys`, so that nothing is disarmed by a rotation. Such a key
lets its holder try guesses against the hashes of that day; it opens nothing.
"""

from functools import lru_cache
from uuid import UUID

from vault import server_keys
from vault.derived_keys import DerivedKeys
from vault.sealing import derive

_KEYS = DerivedKeys(
    b"deny-web/v1/tripwire",
    file="tripwire_keys",
    heading="# deny_web tripwire keys of retired server keys. What was armed under one is told by it alone.",
)
keep = _KEYS.keep
check = _KEYS.check
known_ids = _KEYS.ids


def current_id() -> int:
    """The server key that new honeytokens are hashed under."""
    return server_keys.current().id


@lru_cache(maxsize=1024)
def of_tenant(key_id: int, tenant_id: UUID) -> bytes:
    """The workspace's key. Raises UnknownServerKey where the server key is neither here nor written down."""
    return bytes(derive(_KEYS.by_id(key_id), salt=None, info=b"deny-web/v1/tripwire-tenant" + tenant_id.bytes))


@lru_cache(maxsize=16)
def of_buckets(key_id: int) -> bytes:
    """The key of the buckets. Raises UnknownServerKey as `of_tenant`."""
    return bytes(derive(_KEYS.by_id(key_id), salt=None, info=b"deny-web/v1/tripwire-bucket"))
