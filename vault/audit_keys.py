"""The keys of the audit chain, which outlive the server keys that they come from.

    K = HKDF-SHA256(server key, info="deny-web/v1/audit")                          32 bytes

A chain cannot be sealed afresh: its rows say what was, under the key of their day. So before a server key is retired,
its audit key goes to `DATA_DIR/audit_keys`, in the server keys' format. Such a key tells whether rows are as they were
written, and would let somebody forge rows of that day; it opens nothing.
"""

from vault import server_keys
from vault.derived_keys import DerivedKeys
from vault.server_keys import ServerKey

_KEYS = DerivedKeys(
    b"deny-web/v1/audit",
    file="audit_keys",
    heading="# deny_web audit keys of retired server keys; they only verify. Keep them with the server keys.",
)
audit_key = _KEYS.by_id
keep = _KEYS.keep
check = _KEYS.check


def current() -> ServerKey:
    """The server key whose audit key signs new rows."""
    return server_keys.current()
