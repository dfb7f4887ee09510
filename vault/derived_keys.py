"""Keys that come from the server keys and outlive them.

    K = HKDF-SHA256(server key, info)                                              32 bytes

What is sealed is sealed afresh at a rotation; what is only hashed cannot be, since nobody has what was hashed. So
before a server key is retired, what was derived from it for hashing goes to a file in DATA_DIR, in their format.
"""

import base64
import logging
from collections.abc import Collection
from pathlib import Path

from django.conf import settings

from deny_web import env
from vault import server_keys
from vault.errors import UnknownServerKey
from vault.sealing import derive
from vault.server_keys import ServerKey

_log = logging.getLogger(__name__)


class DerivedKeys:
    """The keys of one purpose, which `info` names; those of retired server keys are in `DATA_DIR/file`."""

    def __init__(self, info: bytes, *, file: str, heading: str) -> None:
        self._info = info
        self._file = file
        self._heading = heading
        self._said = ""

    def by_id(self, key_id: int) -> bytes:
        """The key that comes from the server key of this number, retired or not.

        Raises:
            UnknownServerKey: neither is here, or the file cannot be used; also a LookupError.
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
        """Write down the keys of these server keys, which are about to go. Once more does no harm.

        Raises:
            BadEnvironment: what is written down already cannot be read; it is not written over.
        """
        retired = self._read()
        known = {key.id for key in retired}
        new = [server_keys.by_id(key_id) for key_id in key_ids if key_id not in known]
        if new:
            lines = [f"{key.id}:{base64.b64encode(self._derived(key)).decode()}" for key in new]
            before = [f"{key.id}:{base64.b64encode(key.secret).decode()}" for key in retired]
            server_keys.write(self._path(), "\n".join([self._heading, *lines, *before]) + "\n")

    def check(self) -> None:
        """Raises BadEnvironment where the file is there and cannot be used."""
        self._read()

    def _derived(self, key: ServerKey) -> bytes:
        return bytes(derive(key.secret, salt=None, info=self._info))

    def _retired(self) -> tuple[ServerKey, ...]:
        try:
            found, wrong = self._read(), ""
        except env.BadEnvironment as error:
            # It ends the process where nobody catches it, and none of the threads that ask here stand at a start. Only
            # what lies under these keys is lost meanwhile, and mended with the file.
            found, wrong = (), str(error)
        if wrong and wrong != self._said:
            _log.error("The keys of retired server keys cannot be used. %s", wrong)
        self._said = wrong
        return found

    def _read(self) -> tuple[ServerKey, ...]:
        path = self._path()
        try:
            path.stat()
        except FileNotFoundError:
            return ()
        except OSError:
            pass  # there, as far as anybody can tell: `read` says what is wrong with it
        return server_keys.parse(server_keys.read(path), source=str(path))

    def _path(self) -> Path:
        return Path(settings.DATA_DIR) / self._file
