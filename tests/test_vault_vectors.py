"""The published vectors of tests/vectors/, which a second implementation wrote from the format's description alone."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vault import derivation, header, outer, row, sealing, server_keys
from vault.errors import VaultError
from vault.memory import Key

Case = dict[str, Any]
VECTORS = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "vectors").glob("*.json")}


def cases(name: str) -> list[Any]:
    base = VECTORS[name].get("base", {})
    return [pytest.param({**base, **case}, id=case["name"]) for case in VECTORS[name]["cases"]]


def stream(seed: str) -> Callable[[int], bytes]:
    data = iter(hashlib.shake_256(seed.encode()).digest(1_000_000))
    return lambda count: bytes(next(data) for _ in range(count))


def stored(case: Case, name: str) -> bytes:
    data = bytearray.fromhex(case[name])
    if "flip" in case:
        data[case["flip"]] ^= 1
    return bytes(data)


def h(case: Case, *names: str) -> list[bytes]:
    return [bytes.fromhex(case[name]) for name in names]


@pytest.mark.parametrize("case", cases("derivation"))
def test_derivation(case: Case) -> None:
    (salt,) = h(case, "salt")
    if "expect" in case:
        with pytest.raises(VaultError) as refusal:
            derivation.compartment_key(case["password"], salt)
        assert type(refusal.value).__name__ == "InvalidPassword"
    else:
        assert derivation.compartment_key(case["password"], salt).hex() == case["key"]


@pytest.mark.parametrize("case", cases("sealing"))
def test_sealing(case: Case) -> None:
    key, aad = h(case, "key", "aad")
    label, plaintext = case["label"].encode(), sealing.open_slot(key, case["label"].encode(), stored(case, "slot"), aad)
    if "expect" in case:
        assert plaintext is None
    else:
        assert plaintext is not None
        assert plaintext.hex() == case["plaintext"]
        assert sealing.seal(key, label, plaintext, aad, random=stream(case["seed"])).hex() == case["slot"]


@pytest.mark.parametrize("case", cases("header"))
def test_header(case: Case) -> None:
    found = header.find(stored(case, "header"), *h(case, "vault_id", "key"))
    if "expect" in case:
        assert found is None
    else:
        assert found is not None
        assert (found.number, found.master_key.hex()) == (case["number"], case["master_key"])


def test_header_create_and_add_write_the_published_bytes() -> None:
    made, added = VECTORS["header"]["create"], VECTORS["header"]["add"]
    assert header.create(*h(made, "vault_id", "key"), random=stream(made["seed"])).hex() == made["header"]
    before, vault_id, key = h(added, "header", "vault_id", "key")
    survivors = [header.find(before, vault_id, bytes.fromhex(one)) for one in added["survivors"]]
    kept = [one for one in survivors if one]
    assert len(kept) == 1
    assert header.add(before, vault_id, key, kept, random=stream(added["seed"])).hex() == added["result"]


@pytest.mark.parametrize("case", cases("row"))
def test_row(case: Case) -> None:
    vault_id, entry_id = h(case, "vault_id", "entry_id")
    place = row.Place(vault_id, entry_id, case["band"])
    owner = header.Compartment(case["number"], 0, Key(bytes.fromhex(case["master_key"])))
    if "seed" in case:
        random = stream(case["seed"])
        value = row.Value(bytes.fromhex(case["value"]), case["kind"])
        written = row.write(row.blank(case["band"], random=random), place, owner, value, random=random)
        assert hashlib.sha256(written).hexdigest() == case["row_sha256"]
        assert row.read(written, place, owner) == value
    elif case.get("expect") == "invalid_value":
        with pytest.raises(VaultError, match="1019 bytes"):
            row.write(row.blank(case["band"]), place, owner, row.Value(bytes.fromhex(case["value"])))
    elif case.get("expect") == "no_value":
        assert row.read(stored(case, "row"), place, owner) is None
    else:
        assert row.read(stored(case, "row"), place, owner) == row.Value(bytes.fromhex(case["value"]), case["kind"])


@pytest.mark.parametrize("case", cases("outer"))
def test_outer(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = VECTORS["outer"]["server_keys"].items()
    lines = [f"{number}:{b64encode(bytes.fromhex(key)).decode()}" for number, key in keys]
    monkeypatch.setenv("DENY_WEB_SERVER_KEYS", ",".join(lines))
    server_keys.reload()
    try:
        vault_id, row_id = h(case, "vault_id", "row_id")
        if "expect" in case:
            with pytest.raises(VaultError) as failure:
                outer.open_row(stored(case, "stored"), vault_id, row_id)
            assert failure.value.code == case["expect"]
            # The library's own exception carries a signature: it must not come along into a traceback.
            assert failure.value.__context__ is None or failure.value.__suppress_context__
        else:
            assert outer.open_row(stored(case, "stored"), vault_id, row_id).hex() == case["row"]
            again = outer.seal(bytes.fromhex(case["row"]), vault_id, row_id)
            assert again[:4] == (7).to_bytes(4, "big")
            assert again != stored(case, "stored")
            assert outer.open_row(again, vault_id, row_id).hex() == case["row"]
    finally:
        server_keys.reload()
