"""One sealed slot: the only place where the vault encrypts. Pure bytes, no Django.

    s      = 32 random bytes
    Ke‖Kc  = HKDF-SHA256(key, salt=s, info=label‖aad)                       32 + 32 bytes
    slot   = s ‖ Kc ‖ AES-256-GCM(Ke, nonce = 12 zero bytes, plaintext, aad)

The nonce may be constant because Ke is fresh for every slot. Kc commits the slot to one key: AES-GCM alone lets an
attacker craft a ciphertext that opens under two (Len, Grubbs, Ristenpart 2021, "Partitioning Oracle Attacks"). A slot
looks random to whoever lacks the key, so an empty slot is random bytes of the same length.

`label` is a constant of the caller and `aad` begins with the version byte, so that no two purposes share a derivation.
"""

import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vault.memory import Bytes, Key

VERSION = b"\x01"
KEY = 32
_NONCE = bytes(12)
_TAG = 16
OVERHEAD = 2 * KEY + _TAG

Random = Callable[[int], bytes]
"""Gives so many random bytes. Tests hand in a fixed one; everybody else leaves the default."""


def size(plaintext: int) -> int:
    """The length in bytes of a slot whose plaintext has so many."""
    return plaintext + OVERHEAD


def seal(key: Bytes, label: bytes, plaintext: Bytes, aad: bytes, *, random: Random = os.urandom) -> bytes:
    """A fresh slot that only `key`, `label` and `aad` together open."""
    salt = random(KEY)
    keys = _keys(key, salt, label, aad)
    return salt + bytes(keys[KEY:]) + AESGCM(memoryview(keys)[:KEY]).encrypt(_NONCE, plaintext, aad)


def empty(plaintext: int, *, random: Random = os.urandom) -> bytes:
    """A slot that holds nothing, of the length that so long a plaintext would have."""
    return random(size(plaintext))


def open_slot(key: Bytes, label: bytes, slot: bytes, aad: bytes) -> bytes | None:
    """The plaintext, or None when the slot is empty, another key's, or changed."""
    plaintext = open_key(key, label, slot, aad)
    return None if plaintext is None else bytes(plaintext)


def open_key(key: Bytes, label: bytes, slot: bytes, aad: bytes) -> Key | None:
    """As `open_slot`, for plaintexts that shall be wiped after use.

    Takes the same steps whatever the outcome: the decryption runs although the commitment failed, so that time does
    not tell a slot of the same key with a flipped bit from an empty one.
    """
    if len(slot) < OVERHEAD:
        return None
    salt, stored, ciphertext = slot[:KEY], slot[KEY : 2 * KEY], slot[2 * KEY :]
    keys, plaintext = _keys(key, salt, label, aad), Key(len(slot) - OVERHEAD)
    committed = bytes_eq(stored, bytes(keys[KEY:]))
    try:
        AESGCM(memoryview(keys)[:KEY]).decrypt_into(_NONCE, ciphertext, aad, plaintext)
    except InvalidTag:
        return None
    return plaintext if committed else None


def derive(key: Bytes, *, salt: bytes | None, info: bytes, length: int = KEY) -> Key:
    """HKDF-SHA256 (RFC 5869)."""
    derived = Key(length)
    HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive_into(key, derived)
    return derived


def _keys(key: Bytes, salt: bytes, label: bytes, aad: bytes) -> Key:
    """Cipher key and commitment, one behind the other."""
    return derive(key, salt=salt, info=label + aad, length=2 * KEY)
