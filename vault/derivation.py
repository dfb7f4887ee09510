"""From a password to a compartment's key: the vault's one slow step.

    CK = Argon2id(NFC(password) as UTF-8, salt = vault_salt (32 bytes), t=3, m=64 MiB, p=1, v=0x13)   32 bytes

RFC 9106's second recommendation with one lane. NFC, because the same typed password reaches us composed from one
keyboard and decomposed from another. At most two run at once in a process, at 64 MiB and a core each; a few more wait,
and the rest are told that the vault is busy, so that a flood of tries cannot take the memory of the machine.
"""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2.low_level import Type, hash_secret_raw

from vault.errors import Busy, InvalidPassword
from vault.memory import Key

PASSES = 3
MEMORY = 64 * 1024  # KiB
AT_ONCE = 2
WAITING = 16
PATIENCE = 10.0  # seconds that one waits for its turn
LONGEST = 1024  # characters
SALT = 32

_lock = threading.Lock()
_turns = threading.BoundedSemaphore(AT_ONCE)
_inside = 0


def compartment_key(password: str, salt: bytes) -> Key:
    """The 32-byte key of a password. Takes about 0.1 s and 64 MiB.

    Raises:
        InvalidPassword: empty, too long, or not text.
        Busy: too many at once.
    """
    secret = _normal(password)
    with turn():
        return Key(
            hash_secret_raw(
                secret,
                salt,
                time_cost=PASSES,
                memory_cost=MEMORY,
                parallelism=1,
                hash_len=32,
                type=Type.ID,
                version=0x13,
            )
        )


def _normal(password: str) -> bytes:
    if not password:
        raise InvalidPassword
    if len(password) > LONGEST:
        raise InvalidPassword(f"A vault password has at most {LONGEST} characters.")
    try:
        return unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:
        raise InvalidPassword("The vault password is not valid text (UTF-8).") from None


@contextmanager
def turn() -> Iterator[None]:
    """Wait for one's turn to derive a key, whatever the key is for: they share the memory of the machine.

    Raises:
        Busy: too many at once.
    """
    global _inside
    with _lock:
        if _inside >= AT_ONCE + WAITING:
            raise Busy
        _inside += 1
    try:
        if not _turns.acquire(timeout=PATIENCE):
            raise Busy
        try:
            yield
        finally:
            _turns.release()
    finally:
        with _lock:
            _inside -= 1
