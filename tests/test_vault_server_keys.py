"""The server keys: made once, private, several at a time, and never shown."""

import stat
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from pytest_django import Settings

from deny_web.env import BadEnvironment
from vault import outer, sealed_fields, server_keys
from vault.errors import Damaged, UnknownServerKey

KEY = bytes(range(251, 256)) * 6 + b"\xfb\xff"
TENANT, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    server_keys.reload()
    yield
    server_keys.reload()


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def line(number: int, key: bytes = KEY) -> str:
    return f"{number}:{b64encode(key).decode()}"


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(server_keys.NAME, text)
    server_keys.reload()


def test_the_first_start_makes_one_private_file_and_keeps_it(folder: Path) -> None:
    first = server_keys.current()
    path = folder / "server_keys"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    server_keys.reload()
    assert server_keys.current() == first
    assert [entry.name for entry in folder.iterdir()] == ["server_keys"]


def test_starts_at_once_agree_on_one_key(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: server_keys._load(), range(16)))
    assert len(found) == 1


def test_a_file_that_others_may_read_is_refused(folder: Path) -> None:
    server_keys.current()
    (folder / "server_keys").chmod(0o640)
    server_keys.reload()
    with pytest.raises(BadEnvironment, match="chmod 600"):
        server_keys.current()


def test_several_keys_the_first_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, f"# newest on top\n{line(9)}\n\n  {line(7, bytes(32))}\n")
    assert server_keys.current().id == 9
    assert server_keys.by_id(7).secret == bytes(32)
    with pytest.raises(UnknownServerKey):
        server_keys.by_id(8)


def test_both_base64_alphabets_and_commas_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, f"1:{urlsafe_b64encode(KEY).decode()},{line(2)}")
    assert [key.secret for key in server_keys.all()] == [KEY, KEY]


@pytest.mark.parametrize(
    "text",
    ["", "# none", "nonsense", "1:???", line(0), line(2**32), line(1, b"short"), f"{line(1)},{line(1, bytes(32))}"],
)
def test_what_is_no_key_stops_the_program_and_is_not_repeated(text: str) -> None:
    with pytest.raises(BadEnvironment) as stop:
        server_keys.parse(text, source="DENY_WEB_SERVER_KEYS")
    assert b64encode(KEY).decode() not in str(stop.value)
    assert "???" not in str(stop.value)


def test_an_older_key_still_opens_and_a_new_write_is_under_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, line(1))
    stored, field = outer.seal(b"row", b"v" * 16, b"r" * 16), sealed_fields.seal("provider.key", TENANT, b"sk")
    give(monkeypatch, f"{line(2, bytes(32))},{line(1)}")
    assert outer.open_row(stored, b"v" * 16, b"r" * 16) == b"row"
    assert sealed_fields.open("provider.key", TENANT, field) == b"sk"
    assert outer.seal(b"row", b"v" * 16, b"r" * 16)[:4] == (2).to_bytes(4, "big")
    give(monkeypatch, line(2, bytes(32)))
    with pytest.raises(UnknownServerKey):
        outer.open_row(stored, b"v" * 16, b"r" * 16)


def test_two_writes_of_one_row_have_nothing_in_common_but_the_key_number(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, line(1))
    one, two = (outer.seal(bytes(4096), b"v" * 16, b"r" * 16) for _ in range(2))
    assert one[:13] == two[:13]  # key number, version, time zero
    assert one[5:13] == bytes(8)
    same = sum(a == b for a, b in zip(one[13:], two[13:], strict=True))
    assert same < 80  # of 4144 bytes 16 are equal by chance, and 80 never


def test_every_flipped_bit_of_a_stored_row_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, line(1))
    stored = outer.seal(b"row" * 20, b"v" * 16, b"r" * 16)
    assert outer.open_row(stored, b"v" * 16, b"r" * 16)
    for bit in range(len(stored) * 8):
        changed = bytearray(stored)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damaged):
            outer.open_row(bytes(changed), b"v" * 16, b"r" * 16)


def test_a_sealed_field_opens_for_its_tenant_and_purpose_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, line(1))
    field = sealed_fields.seal("provider.key", TENANT, b"sk_upstream")
    assert b"sk_upstream" not in field
    for purpose, tenant, stored in (
        ("provider.headers", TENANT, field),
        ("provider.key", OTHER, field),
        ("provider.key", TENANT, field[:-1]),
        ("provider.key", TENANT, b""),
        ("provider.key", TENANT, field[:-1] + bytes([field[-1] ^ 1])),
    ):
        with pytest.raises(Damaged):
            sealed_fields.open(purpose, tenant, stored)


def test_no_representation_shows_a_key() -> None:
    key = server_keys.ServerKey(1, KEY)
    assert repr(key) == "ServerKey(id=1)"
