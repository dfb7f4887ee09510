"""Wrong, first and other password: the same queries and derivations. At rest: no secret, no trace of how many."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.vault_cast import FIRST, SECOND, WRONG, Vault
from vault import derivation, entries, leases
from vault.errors import Busy, VaultError
from vault.models import VaultEntry

PLANTED = b"sk_live_planted_51Hq8Zx_and_some_more"

_PARTS = re.compile(r'^(?:(?:RELEASE |ROLLBACK TO )?SAVEPOINT|[A-Z]+)|(?<=")(?:vault|tenants)_\w+(?=")')

ACTS: dict[str, Callable[[Vault, str], object]] = {
    "get": lambda v, password: entries.get(v.tenant, "both", password=password, actor="operator"),
    "get nothing": lambda v, password: entries.get(v.tenant, "none", password=password, actor="operator"),
    "put": lambda v, password: entries.put(v.tenant, "both", b"x", password=password, actor="operator"),
    "put new": lambda v, password: entries.put(v.tenant, password[:6], b"x", password=password, actor="operator"),
    "rotate": lambda v, password: entries.rotate(v.tenant, "both", b"x", password=password, actor="operator"),
    "rotate nothing": lambda v, password: entries.rotate(v.tenant, "none", b"x", password=password, actor="operator"),
    "delete": lambda v, password: entries.delete(v.tenant, "both", password=password, actor="operator"),
    "unlock": lambda v, password: leases.unlock(v.tenant, password, actor="operator"),
}


@pytest.fixture
def two(vault: Vault) -> Vault:
    vault.add_second()
    for password in (FIRST, SECOND):
        entries.put(vault.tenant, "both", PLANTED + password.encode(), password=password, actor="operator")
    entries.make(vault.tenant, "none", actor="operator")
    return vault


def statements(queries: CaptureQueriesContext) -> list[str]:
    """What kind of statement ran on which table; a savepoint ends by one statement, kept or taken back."""
    return [
        re.sub(r"^(?:RELEASE|ROLLBACK TO) SAVEPOINT", "END", " ".join(_PARTS.findall(query["sql"])[:2]))
        for query in queries
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ACTS)
def test_every_password_costs_the_same_queries_and_derivations(
    two: Vault, derivations: Callable[[], int], name: str
) -> None:
    seen, outcomes = [], []
    for password in (FIRST, SECOND, WRONG):
        derivations()
        with CaptureQueriesContext(connection) as queries:
            try:
                outcomes.append(type(ACTS[name](two, password)).__name__)
            except VaultError as refusal:
                outcomes.append(type(refusal).__name__)
        seen.append((derivations(), statements(queries)))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == 1
    assert outcomes[0] == outcomes[1]
    assert outcomes[2] == "WrongPassword"


@pytest.mark.django_db(transaction=True)
def test_a_stored_value_is_nowhere_at_rest(two: Vault, valkey_flushed: redis.Redis) -> None:
    leases.unlock(two.tenant, FIRST, actor="operator")
    entries.rotate(two.tenant, "both", PLANTED[::-1], password=FIRST, actor="operator")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE planted (text BLOB)")
        cursor.execute("INSERT INTO planted VALUES (%s)", [b"control_" + PLANTED[:16]])
    if connection.vendor == "sqlite":
        name = str(connection.settings_dict["NAME"])
        at_rest = b"".join(path.read_bytes() for path in Path(name).parent.glob(Path(name).name + "*"))
    else:
        at_rest = b"".join(bytes(e.sealed) for e in VaultEntry.objects.all()) + b"control_" + PLANTED[:16]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE planted")
    at_rest += b" ".join(valkey_flushed.dump(key) or b"" for key in valkey_flushed.scan_iter())
    assert b"control_" + PLANTED[:16] in at_rest  # the search finds what is there
    assert b"vault:lease:" in b"".join(valkey_flushed.scan_iter())
    at_rest = at_rest.replace(b"control_" + PLANTED[:16], b"")
    for form in (PLANTED, PLANTED[::-1], PLANTED.hex().encode(), PLANTED[:8], FIRST.encode(), SECOND.encode()):
        assert form not in at_rest


def test_overwritten_rows_are_wiped_from_the_database_file(db: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL keeps old row versions until it vacuums; docs/threat-model.md says so")
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA secure_delete").fetchone() == (1,)
    assert sqlite3.sqlite_version_info >= (3, 31)


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both places for derivations are taken, and nobody waits long."""
    monkeypatch.setattr(derivation, "PATIENCE", 0.05)
    with derivation._turn(), derivation._turn():
        yield


def test_a_third_derivation_waits_and_then_is_told_busy(vault: Vault, crowded: None) -> None:
    with pytest.raises(Busy) as refusal:
        leases.unlock(vault.tenant, FIRST, actor="operator")
    assert refusal.value.status == 429


def test_a_full_queue_is_told_busy_at_once(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivation, "WAITING", 0)
    with derivation._turn(), derivation._turn(), pytest.raises(Busy):
        leases.unlock(vault.tenant, FIRST, actor="operator")
    assert leases.unlock(vault.tenant, FIRST, actor="operator").id
