"""A new server key over everything: nothing lost, nothing reverted, and it goes on after a kill at any point."""

import io
import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chat.models import Provider
from chat.providers import actions as provider_actions
from chat.providers import upstream
from tenants import access, audit
from tenants.models import AuditRow
from tests.denysh_cast import call
from tests.infra.app import ROOT, App
from tests.settings import clean_environment
from tests.vault_cast import FIRST, SECOND, Vault
from tests.workspace import VAULT_PASSWORD, make_workspace
from vault import entries, leases, rewrap, server_keys
from vault.denysh import items, server
from vault.denysh.sealing import Sealed
from vault.errors import UnknownServerKey
from vault.models import VaultEntry

SEALED = Sealed(bytes(32), bytes(16), b"a client's own")


@pytest.fixture(autouse=True)
def _own_keys(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    server_keys.reload()
    audit._key.cache_clear()
    yield
    server_keys.reload()
    audit._key.cache_clear()


@pytest.fixture
def full(vault: Vault) -> Vault:
    """Something in every column that lies under a server key."""
    vault.add_second()
    owner = vault.cast.owner
    for n in range(3):
        entries.put(vault.tenant, f"label {n}", f"A {n}".encode(), password=FIRST, actor=owner)
    entries.put(vault.tenant, "label 0", b"B 0", password=SECOND, actor=owner)
    items.store("client", SEALED, acting=owner)
    operator = access.for_slug("acme")
    server.connect("http://127.0.0.1:9/api", key="dk_1", password="pw", acting=operator)
    provider_actions.set_provider(
        acting=operator, kind=Provider.Kind.RESPONSES, base_url="http://127.0.0.1:9/v1", key="sk-1", headers={"x": "y"}
    )
    return vault


def check(full: Vault) -> None:
    """Everything opens, as what it was."""
    owner = full.cast.owner
    for n in range(3):
        assert entries.get(full.tenant, f"label {n}", password=FIRST, actor=owner) == f"A {n}".encode()
    assert entries.get(full.tenant, "label 0", password=SECOND, actor=owner) == b"B 0"
    (item,) = items.newest(full.tenant)
    assert items.fetch(str(item.pk), acting=owner)[1] == SEALED
    found = server.of(full.tenant.pk)
    assert found
    assert (found.key, found.password) == ("dk_1", "pw")
    provider = upstream.for_tenant(full.tenant)
    assert (provider.key, dict(provider.headers)) == ("sk-1", {"x": "y"})
    assert audit.verify(full.tenant).fault is None


def rotate(*words: str) -> str:
    said = io.StringIO()
    call_command("rotate_server_keys", *words, stderr=said)
    return said.getvalue()


def test_every_sealed_column_of_every_model_is_registered() -> None:
    assert rewrap.forgotten() == []
    assert len(rewrap.columns()) >= 8


def test_no_key_goes_while_a_sealed_column_is_not_registered(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    without = {name: column for name, column in rewrap._columns.items() if column.model is not VaultEntry}
    monkeypatch.setattr(rewrap, "_columns", without)
    with pytest.raises(CommandError, match=r"VaultEntry\.sealed"):
        rotate("--retire", "--wait", "0")
    assert len(server_keys.all()) == 2


def test_everything_lies_under_the_new_key_and_opens(full: Vault) -> None:
    old = server_keys.current().id
    leases.unlock(full.tenant, FIRST, ttl=60, actor=full.cast.owner)
    lease = leases.current(full.tenant.pk)
    assert lease
    before = list(VaultEntry.objects.order_by("pk").values_list("pk", "version", "changed_at"))
    assert rewrap.used() == {old: 9}  # header, three entries, item, server, two of the provider, lease
    said = rotate()
    new = server_keys.current().id
    assert new != old
    assert f"{new} is the current one" in said
    assert "8 rows sealed afresh" in said
    assert rewrap.used() == {new: 9}
    assert list(VaultEntry.objects.order_by("pk").values_list("pk", "version", "changed_at")) == before
    assert leases.current(full.tenant.pk) == lease
    assert entries.open_under_lease(full.tenant.pk, "label 1", lease.id) == b"A 1"
    path = server_keys.file()
    assert path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    check(full)


def test_retired_keys_are_gone_and_the_audit_chain_still_verifies(full: Vault) -> None:
    old, rows = server_keys.current().id, AuditRow.objects.for_tenant(full.tenant).count()
    said = rotate("--retire", "--wait", "0")
    assert f"Retired: {old}." in said
    assert [key.id for key in server_keys.all()] == [server_keys.current().id]
    audit._key.cache_clear()
    assert audit.verify(full.tenant).rows == rows
    with pytest.raises(UnknownServerKey):
        server_keys.by_id(old)
    check(full)
    kept = Path(server_keys.settings.DATA_DIR) / "audit_keys"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.unlink()
    audit._key.cache_clear()
    assert "server key that is not here" in (audit.verify(full.tenant).fault or "")


def test_a_key_that_something_uses_is_not_retired(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    old = server_keys.current().id
    rotate()
    stale = server_keys.by_id(old)
    with monkeypatch.context() as one:  # a process that has not looked at the file yet
        one.setattr(server_keys, "current", lambda: stale)
        entries.put(full.tenant, "late", b"late", password=FIRST, actor=full.cast.owner)
    assert rewrap.used()[old] == 1
    with monkeypatch.context() as none:
        none.setattr(rewrap, "run", lambda told=None: rewrap.Result(0, 0))
        assert "Retired: none" in rotate("--keep", "--retire", "--wait", "0")
    assert f"Retired: {old}." in rotate("--keep", "--retire", "--wait", "0")
    assert entries.get(full.tenant, "late", password=FIRST, actor=full.cast.owner) == b"late"


def test_what_somebody_writes_meanwhile_is_never_reverted(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    server_keys.add_line(server_keys.new_line())
    chunks = rewrap.Column.chunks

    def disturbed(column: rewrap.Column) -> Iterator[list[Any]]:
        for chunk in chunks(column):
            if column.model is VaultEntry:  # read already, not yet written
                entries.put(full.tenant, "label 0", b"newer", password=FIRST, actor=full.cast.owner)
            yield chunk

    monkeypatch.setattr(rewrap.Column, "chunks", disturbed)
    rewrap.run()
    assert entries.get(full.tenant, "label 0", password=FIRST, actor=full.cast.owner) == b"newer"
    assert entries.get(full.tenant, "label 0", password=SECOND, actor=full.cast.owner) == b"B 0"


def test_a_damaged_row_stays_is_told_and_keeps_its_key(full: Vault) -> None:
    old = server_keys.current().id
    row = VaultEntry.objects.get(label="label 1")
    VaultEntry.objects.filter(pk=row.pk).update(sealed=bytes(row.sealed)[:-1] + b"!")
    with pytest.raises(CommandError, match="1 rows open under no key"):
        rotate("--retire", "--wait", "0")
    assert old in {key.id for key in server_keys.all()}
    assert rewrap.used()[old] == 1


def test_keys_of_the_environment_are_changed_where_they_come_from(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    path = server_keys.file()
    assert path
    text = path.read_text()
    monkeypatch.setenv(server_keys.NAME, text)
    with pytest.raises(CommandError, match="--keep"):
        rotate()
    old = server_keys.current().id
    monkeypatch.setenv(server_keys.NAME, f"{server_keys.new_line()}\n{text}")
    assert f"take them out of {server_keys.NAME}: {old}" in rotate("--keep", "--retire", "--wait", "0")
    check(full)


def test_a_slip_in_the_file_takes_no_running_process_down(full: Vault, caplog: pytest.LogCaptureFixture) -> None:
    path, key = server_keys.file(), server_keys.current()
    assert path
    path.write_text("nonsense\n")
    for _ in range(3):
        assert server_keys.current() == key
    assert [record.message.count("those of before hold") for record in caplog.records] == [1]
    server_keys.reload()
    with pytest.raises(server_keys.env.BadEnvironment):
        server_keys.current()


def test_two_at_once_are_one(full: Vault) -> None:
    from vault.management.commands import rotate_server_keys as command

    with command._alone(), pytest.raises(CommandError, match="under way"):
        rotate()
    assert len(server_keys.all()) == 1


@pytest.mark.e2e
def test_online_and_killed_at_any_point_it_loses_nothing(start_app: Callable[..., App]) -> None:
    """The app serves while rotations are killed at random; then one goes on, and the old keys retire."""
    app = start_app(DEMO="0")
    workspace = make_workspace(app, "acme")
    environment = clean_environment() | app.env | {"FILL": str(_ENTRIES), "VAULT_PASSWORD": VAULT_PASSWORD}
    filled = subprocess.run(
        [sys.executable, "-c", _FILL], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert filled.returncode == 0, filled.stderr
    workspace.unlock()
    item = {"label": "x", "encryptedData": "0a", "salt": "11" * 32, "iv": "22" * 16}
    item_id = call(workspace, "POST", "/vault/store", item).json["id"]
    words = [sys.executable, "manage.py", "rotate_server_keys"]
    generator, killed = random.Random(7), 0
    keys = app.data_dir / "server_keys"
    for _ in range(6):
        before = keys.read_text()
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        # From the moment that it has begun: a new key in the file, or a little later than a start of Django takes.
        started = time.monotonic()
        while keys.read_text() == before and process.poll() is None and time.monotonic() - started < 1.5:
            time.sleep(0.005)
        time.sleep(generator.uniform(0, 0.15))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        assert workspace.manage("vault", "get", "acme", "label 7") == "value 7"
        assert call(workspace, "GET", f"/vault/{item_id}").json["encryptedData"] == "0a"
    assert killed
    done = subprocess.run(
        [*words, "--retire", "--wait", "1"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len([line for line in keys.read_text().splitlines() if line and not line.startswith("#")]) == 1
    for n in (0, 1, _ENTRIES - 1):
        assert workspace.manage("vault", "get", "acme", f"label {n}") == f"value {n}"
    # The web process that ran all along reads the new key without a restart.
    assert call(workspace, "GET", f"/vault/{item_id}").json["encryptedData"] == "0a"
    assert app.get("/readyz")[0] == 200
    assert workspace.manage("audit", "verify", "acme")
    assert [path.name for path in app.data_dir.glob(".server_keys.*") if path.stat().st_mode & 0o077] == []


_ENTRIES = 120
_FILL = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "deny_web.settings"
django.setup()
from django.utils import timezone
from tenants.models import Tenant
from vault import compartments, storage
from vault.row import Value
tenant = Tenant.objects.get(slug="acme")
opened = compartments.open_with(tenant, os.environ["VAULT_PASSWORD"])
assert opened.right
for n in range(int(os.environ["FILL"])):
    own = opened.compartment, Value(f"value {n}".encode())
    storage.create(tenant, f"label {n}", 16384, vault_id=opened.vault_id, at=timezone.now(), own=own)
"""
