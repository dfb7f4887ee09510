"""The outer layer: a row's eight slots together, under a server key, in a fresh token at every write.

    Oe‖Om  = HKDF-SHA256(server key, salt=vault_id, info="deny-web/v1/outer"‖row_id)     32 + 32 bytes
    token  = FernetBytes(Oe, FernetSigner(Om)).encrypt_at_time(row, 0)                   django-cryptography
    stored = u32 key id ‖ token

Two dumps of the database then do not show which slot changed, and nobody without the server keys can change a row
unseen. `row_id` is the entry's id, and for the header the vault's. The time in the token is 0: a live one would tell
when the row was sealed, and rows sealed by different acts must look alike. Both keys are always given: the library's
defaults derive from SECRET_KEY. A failure here means that the row is damaged; it says nothing about passwords.
"""

import struct

from django_cryptography.core.signing import BadSignature, FernetSigner
from django_cryptography.utils.crypto import FernetBytes, InvalidToken

from vault import server_keys
from vault.errors import Damaged
from vault.sealing import KEY, derive
from vault.server_keys import ServerKey

_LABEL = b"deny-web/v1/outer"
_KEY_ID = struct.Struct(">I")


def seal(row: bytes, vault_id: bytes, row_id: bytes) -> bytes:
    """What is stored for `row`, under the current server key; different bytes every time."""
    key = server_keys.current()
    return _KEY_ID.pack(key.id) + _fernet(key, vault_id, row_id).encrypt_at_time(row, 0)


def open_row(stored: bytes | memoryview, vault_id: bytes, row_id: bytes) -> bytes:
    """The row that `seal` was given.

    Raises:
        Damaged: changed, truncated, or moved here from another row or vault.
        UnknownServerKey: sealed under a server key that is not configured.
    """
    stored = bytes(stored)  # PostgreSQL hands out memoryviews
    if len(stored) <= _KEY_ID.size:
        raise Damaged
    (key_id,) = _KEY_ID.unpack_from(stored)
    key = server_keys.by_id(key_id)
    try:
        return _fernet(key, vault_id, row_id).decrypt(stored[_KEY_ID.size :])
    except (BadSignature, InvalidToken):
        # From None: the library's message carries the signature.
        raise Damaged from None


def _fernet(key: ServerKey, vault_id: bytes, row_id: bytes) -> FernetBytes:
    both = derive(key.secret, salt=vault_id, info=_LABEL + row_id, length=2 * KEY)
    # The library wants bytes; a server key is in memory anyway.
    return FernetBytes(bytes(both[:KEY]), FernetSigner(bytes(both[KEY:])))
