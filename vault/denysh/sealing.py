"""A value as deny.sh's clients seal it. Pure bytes, no Django.

    key  = Argon2id(password as UTF-8, salt (32 bytes), t=3, m=64 MiB, p=1, v=0x13)     32 bytes
    data = AES-256-CTR(key, initial counter block = iv (16 bytes), value as UTF-8)

The format is theirs, and it is not authenticated: another password gives noise, a flipped bit another value. What lies
in our database is therefore sealed once more, under a server key (`vault.denysh.items`). The password is taken as it
is, without NFC, because theirs is.
"""

import os
from dataclasses import dataclass, field

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from vault import derivation
from vault.errors import InvalidPassword

SALT, IV = 32, 16
LONGEST = 64 * 1024  # bytes of ciphertext


@dataclass(frozen=True, slots=True)
class Sealed:
    """The three parts that a client sends and gets back."""

    salt: bytes = field(repr=False)
    iv: bytes = field(repr=False)
    data: bytes = field(repr=False)

    def pack(self) -> bytes:
        return self.salt + self.iv + self.data

    @classmethod
    def unpack(cls, packed: bytes) -> "Sealed":
        return cls(packed[:SALT], packed[SALT : SALT + IV], packed[SALT + IV :])


def seal(value: bytes, password: str) -> Sealed:
    """`value` under a fresh salt and counter block; one key derivation.

    Raises:
        InvalidPassword: empty, too long, or not text.
        Busy: too many derivations at once.
    """
    salt, iv = os.urandom(SALT), os.urandom(IV)
    return Sealed(salt, iv, _crypt(_key(password, salt), iv, value))


def open_sealed(sealed: Sealed, password: str) -> bytes:
    """What the password makes of it: the value, or noise. Raises as `seal`."""
    return _crypt(_key(password, sealed.salt), sealed.iv, sealed.data)


def _key(password: str, salt: bytes) -> bytes:
    if not password or len(password) > derivation.LONGEST:
        raise InvalidPassword(f"Give a password of at most {derivation.LONGEST} characters.")
    try:
        secret = password.encode()
    except UnicodeEncodeError:
        raise InvalidPassword("The password is not valid text (UTF-8).") from None
    with derivation.turn():
        return hash_secret_raw(
            secret, salt, time_cost=3, memory_cost=64 * 1024, parallelism=1, hash_len=32, type=Type.ID, version=0x13
        )


def _crypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """CTR is its own inverse."""
    return Cipher(AES(key), CTR(iv)).encryptor().update(data)
