"""The keys of the audit chain, which outlive the server keys that they come from.

    K = HKDF-SHA256(server key, info="deny-web/v1/audit")                          32 bytes

A chain cannot be sealed afresh: its rows say what was, under the key of their day. So before a server key is retired,
its audit key goes to `DATA_DIR/audit_keys`, in the server keys' format. Such a key tells whether rows are as they were
written, and would let somebody forge rows of that day; it opens nothing.
"""

import base64
from collections.abc import Collection
from pathlib import Path

from django.conf import settings

from vault import server_keys
from vault.errors import UnknownServerKey
from vault.sealing import derive
from vault.server_keys import ServerKey

_INFO = b"deny-web/v1/audit"


def current() -> ServerKey:
    """The server key whose audit key signs new rows."""
    return server_keys.current()


def audit_key(key_id: int) -> bytes:
    """The audit key of a server key, retired or not.

    Raises:
        UnknownServerKey: neither is here; also a LookupError.
    """
    try:
        return _derived(server_keys.by_id(key_id))
    except UnknownServerKey:
        for key in _retired():
            if key.id == key_id:
                return key.secret
        raise


def keep(key_ids: Collection[int]) -> None:
    """Write down the audit keys of these server keys, which are about to go. Once more does no harm."""
    known = {key.id for key in _retired()}
    new = [server_keys.by_id(key_id) for key_id in key_ids if key_id not in known]
    if new:
        lines = [f"{key.id}:{base64.b64encode(_derived(key)).decode()}" for key in new]
        before = [f"{key.id}:{base64.b64encode(key.secret).decode()}" for key in _retired()]
        head = "# deny_web audit keys of retired server keys; they only verify. Keep them with the server keys."
        server_keys.write(_path(), "\n".join([head, *lines, *before]) + "\n")


def _derived(key: ServerKey) -> bytes:
    return bytes(derive(key.secret, salt=None, info=_INFO))


def _retired() -> tuple[ServerKey, ...]:
    path = _path()
    return server_keys.parse(server_keys.read(path), source=str(path)) if path.exists() else ()


def _path() -> Path:
    return Path(settings.DATA_DIR) / "audit_keys"
