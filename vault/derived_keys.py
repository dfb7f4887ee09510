"""Keys that come from the server keys and outlive them.

    K = HKDF-SHA256(server key, info)                                              32 bytes

What is sealed is sealed afresh at a rotation; what is only hashed cannot be, since nobody has what was hashed. So
before a server key is retired, what was derived from it for hashing goes to a file in DATA_DIR, in their format.
"""

import base64
from collections.abc import Collection
from pathlib import Path

from django.conf import settings

from vault import server_keys
from vault.errors import UnknownServerKey
from vault.sealing import derive
from vault.server_keys import ServerKey


class DerivedKeys:
    """The keys of one purpose, which `info` names; those of retired server keys are in `DATA_DIR/file`."""

    def __init__(self, info: bytes, *, file: str, heading: str) -> None:
        self._info = info
        self._file = file
        self._heading = heading

    def by_id(self, key_id: int) -> bytes:
        """The key that comes from the server key of this number, retired or not.

        Raises:
            UnknownServerKey: neither is here; also a LookupError.
        """
        try:
            return self._derived(server_keys.by_id(key_id))
        except UnknownServerKey:
            for key in self._retired():
                if key.id == key_id:
                    return key.secret
            raise

    def ids(self) -> set[int]:
        """The numbers of all that `by_id` knows."""
        return {key.id for key in (*server_keys.all(), *self._retired())}

    def keep(self, key_ids: Collection[int]) -> None:
        """Write down the keys of these server keys, which are about to go. Once more does no harm."""
        known = {key.id for key in self._retired()}
        new = [server_keys.by_id(key_id) for key_id in key_ids if key_id not in known]
        if new:
            lines = [f"{key.id}:{base64.b64encode(self._derived(key)).decode()}" for key in new]
            before = [f"{key.id}:{base64.b64encode(key.secret).decode()}" for key in self._retired()]
            server_keys.write(self._path(), "\n".join([self._heading, *lines, *before]) + "\n")

    def _derived(self, key: ServerKey) -> bytes:
        return bytes(derive(key.secret, salt=None, info=self._info))

    def _retired(self) -> tuple[ServerKey, ...]:
        path = self._path()
        return server_keys.parse(server_keys.read(path), source=str(path)) if path.exists() else ()

    def _path(self) -> Path:
        return Path(settings.DATA_DIR) / self._file
