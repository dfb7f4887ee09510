"""Write the vault's published test vectors: `python tests/vectors/generate.py`.

A second implementation of the format, straight from its description and from primitives (HMAC, AES, Argon2id), which
imports nothing of the vault: where the two disagree, one of them has it wrong. Everything random comes from
SHAKE-256(seed), read from its beginning in the order that each file's `order` tells.

Every case says what it expects: a result, or `"expect"` with the name of the failure. A file's `base` stands beneath
each of its cases; `flip` is the byte of the stored thing whose lowest bit is turned over first.
"""

import hashlib
import hmac
import json
import struct
import unicodedata
from collections.abc import Callable
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = Path(__file__).parent
Case = dict[str, object]


def stream(seed: str) -> Callable[[int], bytes]:
    data, at = hashlib.shake_256(seed.encode()).digest(2_000_000), 0

    def read(count: int) -> bytes:
        nonlocal at
        at += count
        return data[at - count : at]

    return read


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    secret, out, block = hmac.digest(salt or bytes(32), key, "sha256"), b"", b""
    for n in range(1, -(-length // 32) + 1):
        block = hmac.digest(secret, block + info + bytes([n]), "sha256")
        out += block
    return out[:length]


def slot(key: bytes, label: bytes, plaintext: bytes, aad: bytes, random: Callable[[int], bytes]) -> bytes:
    salt = random(32)
    both = hkdf(key, salt, label + aad, 64)
    return salt + both[32:] + AESGCM(both[:32]).encrypt(bytes(12), plaintext, aad)


def key_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def id_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


def flip(data: bytes, byte: int) -> bytes:
    return data[:byte] + bytes([data[byte] ^ 1]) + data[byte + 1 :]


def derivation() -> Case:
    salt = key_of("a vault's salt")

    def case(name: str, password: str) -> Case:
        key = hash_secret_raw(unicodedata.normalize("NFC", password).encode(), salt, 3, 65536, 1, 32, Type.ID, 0x13)
        return {"name": name, "password": password, "salt": salt.hex(), "key": key.hex()}

    composed, decomposed = "na\u00efve Stra\u00dfe 42", "nai\u0308ve Stra\u00dfe 42"
    cases = [case("plain", "correct horse battery staple"), case("composed", composed), case("decomposed", decomposed)]
    cases += [
        {"name": "empty", "password": "", "salt": salt.hex(), "expect": "invalid_password"},
        {"name": "too long", "password": "x" * 1025, "salt": salt.hex(), "expect": "invalid_password"},
        {"name": "lone surrogate", "password": "\udcff", "salt": salt.hex(), "expect": "invalid_password"},
    ]
    return {"what": "Argon2id(NFC(password), salt, t=3, m=64 MiB, p=1, v=0x13)", "cases": cases}


def sealing() -> Case:
    key, label, aad = key_of("a key"), b"deny-web/v1/slot", b"\x01" + id_of("a vault")
    good = slot(key, label, b"a plaintext", aad, stream("sealing"))
    base = {"key": key.hex(), "label": label.decode(), "aad": aad.hex(), "slot": good.hex()}
    cases: list[Case] = [{"name": "opens", "seed": "sealing", "plaintext": b"a plaintext".hex(), **base}]
    bare = slot(key, label, b"", aad, stream("bare"))
    cases.append({"name": "empty plaintext", "seed": "bare", "plaintext": "", **base, "slot": bare.hex()})
    for name, byte in (("salt", 0), ("commitment", 32), ("ciphertext", 64), ("tag", len(good) - 1)):
        cases.append({"name": f"flipped {name}", "expect": "no_value", **base, "slot": flip(good, byte).hex()})
    # Opens under AES-GCM and fails the commitment alone: what a partitioning oracle attack hands in.
    salt = good[:32]
    forged = salt + bytes(32) + good[64:]
    cases += [
        {"name": "zero commitment", "expect": "no_value", **base, "slot": forged.hex()},
        {"name": "other key", "expect": "no_value", **base, "key": key_of("another").hex()},
        {"name": "other label", "expect": "no_value", **base, "label": "deny-web/v1/header"},
        {"name": "other aad", "expect": "no_value", **base, "aad": (b"\x01" + id_of("another")).hex()},
        {"name": "truncated", "expect": "no_value", **base, "slot": good[:-1].hex()},
        {"name": "shorter than any slot", "expect": "no_value", **base, "slot": good[:79].hex()},
    ]
    return {"what": "slot(key, label, plaintext, aad)", "order": "salt (32)", "cases": cases}


def header_slot(number: int, master: bytes, vault_id: bytes, key: bytes, random: Callable[[int], bytes]) -> bytes:
    return slot(key, b"deny-web/v1/header", bytes([number]) + master + bytes(31), b"\x01" + vault_id, random)


def pick(options: list[int], random: Callable[[int], bytes]) -> int:
    while True:
        byte = random(1)[0]
        if byte < 256 - 256 % len(options):
            return options[byte % len(options)]


def header() -> Case:
    vault_id, first, second = id_of("a vault"), key_of("first password"), key_of("second password")
    random = stream("header")
    slots = [random(144) for _ in range(8)]
    number, master = pick(list(range(8)), random), random(32)
    slots[number] = header_slot(number, master, vault_id, first, random)
    one = b"".join(slots)
    random = stream("header, second")
    other, other_master = pick([n for n in range(8) if n != number], random), random(32)
    slots[other] = header_slot(other, other_master, vault_id, second, random)
    two = b"".join(slots)
    strange = list(slots)
    strange[other] = header_slot(8, other_master, vault_id, second, stream("number 8"))
    moved = [slots[number] if n == other else slots[other] if n == number else slots[n] for n in range(8)]
    found = {"key": first.hex(), "number": number, "master_key": master.hex()}
    at = number * 144
    return {
        "what": "eight key slots; find(header, vault_id, key)",
        "order": "create: 8 empty slots (144 each), number (1, again while >= 256 - 256 % options), master key (32), "
        "salt (32); add: number, master key, salt",
        "create": {"seed": "header", "vault_id": vault_id.hex(), "key": first.hex(), "header": one.hex()},
        "add": {"seed": "header, second", "vault_id": vault_id.hex(), "key": second.hex(), "header": one.hex(),
                "survivors": [first.hex()], "result": two.hex()},
        "base": {"vault_id": vault_id.hex(), "header": two.hex()},
        "cases": [
            {"name": "first", **found},
            {"name": "second", "key": second.hex(), "number": other, "master_key": other_master.hex()},
            {"name": "places have no meaning", **found, "header": b"".join(moved).hex()},
            {"name": "wrong password", "expect": "wrong_password", "key": key_of("a typo").hex()},
            {"name": "other vault", "expect": "wrong_password", "key": first.hex(), "vault_id": id_of("b").hex()},
            {"name": "number beyond the eight", "expect": "wrong_password", "header": b"".join(strange).hex(),
             "key": second.hex()},
            *({"name": f"flipped byte {byte} of the slot", "expect": "wrong_password", "flip": at + byte,
               "key": first.hex()} for byte in (0, 32, 64, 143)),
        ],
    }  # fmt: skip


def entry_slot(number: int, value: bytes, band: int, ids: tuple[bytes, bytes], random: Callable[[int], bytes]) -> bytes:
    vault_id, entry_id = ids
    key = hkdf(key_of(f"master {number}"), vault_id, b"deny-web/v1/entry" + entry_id, 32)
    plaintext = (struct.pack(">BI", 1, len(value)) + value).ljust(band, b"\0")
    return slot(key, b"deny-web/v1/slot", plaintext, b"\x01" + vault_id + entry_id + struct.pack(">I", band), random)


def row() -> Case:
    ids = id_of("a vault"), id_of("an entry")
    cases: list[Case] = []
    full_band = bytes(range(256)) * 3 + b"\0" * 251
    for band, value in ((1024, b"sk_live_5Qm"), (1024, full_band), (4096, b"-----BEGIN"), (16384, b"x" * 16379)):
        random = stream(f"row {band} {len(value)}")
        slots = [random(band + 80) for _ in range(8)]
        slots[3] = entry_slot(3, value, band, ids, random)
        full = b"".join(slots)
        cases.append({
            "name": f"{len(value)} bytes in band {band}", "seed": f"row {band} {len(value)}", "number": 3,
            "master_key": key_of("master 3").hex(), "band": band, "vault_id": ids[0].hex(), "entry_id": ids[1].hex(),
            "kind": 1, "value": value.hex(), "row_sha256": hashlib.sha256(full).hexdigest(),
        })  # fmt: skip
    random = stream("row 1024 11")
    slots = [random(1104) for _ in range(8)]
    slots[3] = entry_slot(3, b"sk_live_5Qm", 1024, ids, random)
    base: Case = {"number": 3, "master_key": key_of("master 3").hex(), "band": 1024, "vault_id": ids[0].hex(),
                  "entry_id": ids[1].hex(), "row": b"".join(slots).hex()}  # fmt: skip
    swapped = [*slots[:3], slots[4], slots[3], *slots[5:]]
    cases.append({"name": "opens", "kind": 1, "value": b"sk_live_5Qm".hex()})
    too_long = {"name": "value over the band", "expect": "invalid_value", "band": 1024, "value": (b"x" * 1020).hex()}
    refused: list[Case] = [
        {"name": "moved within the row", "row": b"".join(swapped).hex()},
        {"name": "another compartment", "number": 4, "master_key": key_of("master 4").hex()},
        {"name": "another number", "number": 4},
        {"name": "another entry", "entry_id": id_of("another entry").hex()},
        {"name": "another vault", "vault_id": id_of("another vault").hex()},
        {"name": "truncated", "row": b"".join(slots)[: 3 * 1104 + 1103].hex()},
        *({"name": f"flipped byte {at} of the slot", "flip": 3 * 1104 + at} for at in (0, 32, 64, 1103)),
    ]
    return {
        "what": "eight slots of an entry; read(row) under one compartment",
        "order": "8 empty slots (band + 80 each), then the salt (32) of the value's slot",
        "base": base,
        "cases": [*cases, *({"expect": "no_value", **case} for case in refused), too_long],
    }


def token(secret: bytes, row: bytes, ids: tuple[bytes, bytes], iv: bytes, time: int = 0) -> bytes:
    both = hkdf(secret, ids[0], b"deny-web/v1/outer" + ids[1], 64)
    pad = 16 - len(row) % 16
    cipher = Cipher(algorithms.AES(both[:32]), modes.CBC(iv)).encryptor()
    signed = b"\x80" + struct.pack(">Q", time) + iv + cipher.update(row + bytes([pad]) * pad) + cipher.finalize()
    return signed + hmac.digest(both[32:], signed, "sha256")


def outer() -> Case:
    ids, plain = (id_of("a vault"), id_of("an entry")), stream("outer")(1152)
    keys = {7: key_of("server key 7"), 9: key_of("server key 9")}
    good = struct.pack(">I", 7) + token(keys[7], plain, ids, id_of("iv"))
    base = {"vault_id": ids[0].hex(), "row_id": ids[1].hex(), "stored": good.hex()}
    older = struct.pack(">I", 9) + token(keys[9], plain, ids, id_of("iv 9"))
    damaged: list[Case] = [
        {"name": "another row", "row_id": id_of("another entry").hex()},
        {"name": "another vault", "vault_id": id_of("another vault").hex()},
        {"name": "another key's number", "stored": (struct.pack(">I", 9) + good[4:]).hex()},
        {"name": "truncated", "stored": good[:-1].hex()},
        {"name": "key number only", "stored": good[:4].hex()},
        {"name": "empty", "stored": ""},
        *({"name": f"flipped byte {at}", "flip": at} for at in (4, 5, 13, 29, len(good) - 1)),
    ]
    unknown = (struct.pack(">I", 8) + good[4:]).hex()
    return {
        "what": "u32 key id ‖ FernetBytes token at time 0; the first server key is current",
        "server_keys": {str(number): key.hex() for number, key in keys.items()},
        "base": base,
        "cases": [
            {"name": "opens", "row": plain.hex()},
            {"name": "opens under an older key", "stored": older.hex(), "row": plain.hex()},
            *({"expect": "damaged", **case} for case in damaged),
            {"name": "unknown server key", "expect": "unknown_server_key", "stored": unknown},
        ],
    }


if __name__ == "__main__":
    for make in (derivation, sealing, header, row, outer):
        (HERE / f"{make.__name__}.json").write_text(json.dumps(make(), indent=1) + "\n", encoding="ascii")
