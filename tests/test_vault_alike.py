"""Wrong, first and other password: the same queries and derivations. At rest: no secret, no trace of how many."""

import contextlib
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.models import Tenant
from tests.vault_cast import FIRST, SECOND, WRONG, Vault
from vault import derivation, entries, leases
from vault.errors import Busy, VaultError, WrongPassword
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
def test_every_password_costs_valkey_the_same(two: Vault, valkey_flushed: redis.Redis) -> None:
    """The lease and the bell to open pages are sent for a wrong one too, to where nobody reads."""

    def commands() -> dict[str, int]:
        stats = valkey_flushed.info("commandstats")
        return {name: told["calls"] for name, told in stats.items() if name != "cmdstat_info"}

    ACTS["unlock"](two, FIRST)  # connections are made
    seen = []
    for password in (FIRST, SECOND, WRONG):
        before = commands()
        with contextlib.suppress(WrongPassword):
            ACTS["unlock"](two, password)
        seen.append({name: count - before.get(name, 0) for name, count in commands().items()})
    seen[2]["cmdstat_get"] -= 1  # what the refused one tells open pages is read first
    assert seen[0] == seen[1] == seen[2]
    assert seen[0]["cmdstat_set"] == 1
    assert seen[0]["cmdstat_publish"] == 1
    assert leases.current(two.tenant.pk)


def database() -> bytes:
    """All of it: SQLite's file and journal byte for byte, or every row of every table as text."""
    if connection.vendor == "sqlite":
        file = Path(str(connection.settings_dict["NAME"]))
        return b"".join(path.read_bytes() for path in file.parent.glob(file.name + "*"))
    rows: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows += [text for (text,) in cursor.fetchall()]
    return "\n".join(rows).encode()


@pytest.mark.django_db(transaction=True)
def test_a_stored_value_is_nowhere_at_rest(two: Vault, valkey_flushed: redis.Redis) -> None:
    leases.unlock(two.tenant, FIRST, actor="operator")
    entries.rotate(two.tenant, "both", PLANTED[::-1], password=FIRST, actor="operator")
    control = "control of the search"
    Tenant.objects.filter(pk=two.tenant.pk).update(name=control)
    in_valkey = b" ".join(name + (valkey_flushed.dump(name) or b"") for name in valkey_flushed.scan_iter())
    at_rest = database() + in_valkey
    assert control.encode() in at_rest  # the search finds what is there
    assert b"vault:lease:" in at_rest
    for form in (PLANTED, PLANTED[::-1], PLANTED.hex().encode(), PLANTED[:8], FIRST.encode(), SECOND.encode()):
        assert form not in at_rest


@pytest.mark.sqlite  # PostgreSQL keeps old row versions until it vacuums; docs/threat-model.md says so
@pytest.mark.django_db(transaction=True)
def test_a_row_that_was_written_over_is_wiped_from_the_file(vault: Vault) -> None:
    entries.make(vault.tenant, "stripe", actor="operator")
    entry, old = VaultEntry.objects.get(), secrets.token_bytes(9000)

    def file() -> bytes:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return database()

    pieces = [old[at : at + 32] for at in range(0, len(old), 500)]
    VaultEntry.objects.update(sealed=old)
    assert sum(piece in file() for piece in pieces) > 12  # a page's border cuts one now and then
    VaultEntry.objects.update(sealed=entry.sealed)
    assert not any(piece in file() for piece in pieces)
    VaultEntry.objects.update(sealed=old)
    entries.purge(vault.tenant, "stripe", actor="operator")
    assert not any(piece in file() for piece in pieces)


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_a_label_is_made_with_a_value_or_without_one_and_the_journal_is_cut_behind_both(vault: Vault) -> None:
    journal = Path(f"{connection.settings_dict['NAME']}-wal")
    left = []
    for value in (PLANTED, None):
        Tenant.objects.filter(pk=vault.tenant.pk).update(name=f"something in the journal, {value is None}")
        assert journal.stat().st_size
        if value:
            entries.put(vault.tenant, "with", value, password=FIRST, actor="operator")
        else:
            entries.make(vault.tenant, "without", actor="operator")
        left.append(journal.stat().st_size)
    assert left == [0, 0]


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both places for derivations are taken, and nobody waits long."""
    monkeypatch.setattr(derivation, "PATIENCE", 0.05)
    with derivation.turn(), derivation.turn():
        yield


def test_a_third_derivation_waits_and_then_is_told_busy(vault: Vault, crowded: None) -> None:
    with pytest.raises(Busy) as refusal:
        leases.unlock(vault.tenant, FIRST, actor="operator")
    assert refusal.value.status == 429


def test_a_full_queue_is_told_busy_at_once(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivation, "WAITING", 0)
    with derivation.turn(), derivation.turn(), pytest.raises(Busy):
        leases.unlock(vault.tenant, FIRST, actor="operator")
    assert leases.unlock(vault.tenant, FIRST, actor="operator").id
