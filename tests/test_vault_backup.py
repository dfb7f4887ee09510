"""A vault as one file: everything comes over, nothing opens without both passwords, nothing half is imported."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tenants import actions, audit
from tenants.models import AuditRow, Tenant
from tests.infra.app import ROOT, App
from tests.settings import clean_environment
from tests.test_vault_command import Pipe
from tests.vault_cast import FIRST, SECOND, Vault
from tests.workspace import VAULT_PASSWORD, make_workspace
from vault import backup, entries, outer
from vault.denysh import items
from vault.denysh.sealing import Sealed
from vault.errors import (
    Damaged,
    InvalidPassword,
    NoValue,
    NoVault,
    Refused,
    VaultError,
    VaultExists,
    WrongPassword,
)
from vault.models import SealedItem, VaultEntry, VaultHeader

PASSPHRASE = "amber gravel teapot horizon"
SEALED = Sealed(bytes(32), bytes(16), b"a client's own")


@pytest.fixture
def full(vault: Vault) -> Vault:
    """Two compartments, three bands, an entry without a value, an item of a deny.sh client."""
    vault.add_second()
    owner = vault.cast.owner
    for label, band in (("stripe", 1024), ("pem", 4096), ("blob", 16384)):
        entries.put(vault.tenant, label, f"{label} A".encode(), password=FIRST, band=band, actor=owner)
    entries.put(vault.tenant, "stripe", b"stripe B", password=SECOND, actor=owner)
    entries.make(vault.tenant, "äöü 名前", actor=owner)
    items.store("client", SEALED, acting=owner, category="api")
    return vault


def exported(vault: Vault, passphrase: str = PASSPHRASE) -> bytes:
    target = io.BytesIO()
    backup.export_vault(vault.tenant, passphrase, target, actor=vault.cast.owner)
    return target.getvalue()


def take_in(vault: Vault, data: bytes, tenant: Tenant | None = None, passphrase: str = PASSPHRASE) -> int:
    return backup.import_vault(tenant or vault.tenant, passphrase, io.BytesIO(data), actor="operator")


def slots(tenant: Tenant) -> dict[str, bytes]:
    vault_id = bytes(VaultHeader.objects.get(tenant=tenant).vault_id)
    rows = VaultEntry.objects.for_tenant(tenant)
    return {row.label: outer.open_row(row.sealed, vault_id, row.pk.bytes) for row in rows}


def facts(tenant: Tenant) -> list[object]:
    fields = ("id", "label", "band", "created_at", "changed_at")
    of_items = ("id", "label", "category", "size", "created_at", "updated_at")
    found = [list(VaultEntry.objects.for_tenant(tenant).order_by("label").values_list(*fields))]
    found.append(list(SealedItem.objects.for_tenant(tenant).values_list(*of_items)))
    header = VaultHeader.objects.get(tenant=tenant)
    return [*found, bytes(header.vault_id), bytes(header.salt), header.created_at, header.unattended_latched]


def empty(tenant: Tenant) -> None:
    for model in (VaultHeader, VaultEntry, SealedItem):
        model.objects.for_tenant(tenant).delete()


def test_all_slots_and_ids_come_over_as_they_are(full: Vault) -> None:
    data, before, rows = exported(full), facts(full.tenant), slots(full.tenant)
    (item,) = items.newest(full.tenant)
    empty(full.tenant)
    assert take_in(full, data) == 5
    assert facts(full.tenant) == before
    assert slots(full.tenant) == rows
    owner = full.cast.owner
    assert entries.get(full.tenant, "stripe", password=FIRST, actor=owner) == b"stripe A"
    assert entries.get(full.tenant, "stripe", password=SECOND, actor=owner) == b"stripe B"
    assert entries.get(full.tenant, "blob", password=FIRST, actor=owner) == b"blob A"
    with pytest.raises(NoValue):
        entries.get(full.tenant, "äöü 名前", password=FIRST, actor=owner)
    assert items.fetch(str(item.pk), acting=owner)[1] == SEALED
    assert AuditRow.objects.for_tenant(full.tenant).filter(verb__in=("vault.export", "vault.import")).count() == 2
    assert audit.verify(full.tenant).fault is None


def test_it_moves_to_a_workspace_of_another_name(full: Vault) -> None:
    data = exported(full)
    empty(full.tenant)
    other = actions.create_tenant("Moved", slug="moved", acting=full.cast.alice).tenant
    take_in(full, data, other)
    assert entries.get(other, "stripe", password=SECOND, actor="operator") == b"stripe B"


def test_two_exports_of_the_same_vault_share_no_bytes_and_show_no_label(full: Vault) -> None:
    first, second = exported(full), exported(full)
    assert len(first) == len(second)
    start = len(backup.MAGIC)
    assert sum(a == b for a, b in zip(first[start:], second[start:], strict=True)) < len(first) / 100
    assert b"stripe" not in first


def test_a_second_compartment_changes_nothing_about_the_file_s_shape(vault: Vault) -> None:
    entries.put(vault.tenant, "stripe", b"A", password=FIRST, actor=vault.cast.owner)
    before = len(exported(vault))
    vault.add_second()
    entries.put(vault.tenant, "stripe", b"B", password=SECOND, actor=vault.cast.owner)
    assert len(exported(vault)) == before


def test_what_cannot_be_imported_leaves_nothing_behind(full: Vault) -> None:
    data = exported(full)
    with pytest.raises(VaultExists):
        take_in(full, data)
    with pytest.raises(Refused, match="already"):
        take_in(full, data, full.cast.elsewhere)
    empty(full.tenant)
    with pytest.raises(WrongPassword):
        take_in(full, data, passphrase="amber gravel teapot horizom")
    with pytest.raises(Damaged):
        take_in(full, b"")
    assert not VaultHeader.objects.exists()
    assert not VaultEntry.objects.exists()


def test_a_bit_flipped_anywhere_a_cut_and_an_addition_are_refused(full: Vault) -> None:
    data = exported(full)
    empty(full.tenant)
    places = [*range(0, len(data), len(data) // 40), len(data) - 1]
    changed = [data[:n] + bytes([data[n] ^ 1]) + data[n + 1 :] for n in places]
    changed += [data[:n] for n in (10, 40, 60, 2000, len(data) - 1, len(data) - 100)] + [data + b"x"]
    for one in changed:
        with pytest.raises(VaultError):
            take_in(full, one)
    assert not VaultHeader.objects.exists()
    assert take_in(full, data) == 5


def test_frames_left_out_swapped_or_of_another_file_are_refused(full: Vault) -> None:
    data, other = exported(full), exported(full)
    empty(full.tenant)
    head, frames = split(data)
    _, others = split(other)
    for order in (
        [0, *range(2, len(frames))],  # one is missing
        [0, 2, 1, *range(3, len(frames))],  # two changed places
        range(len(frames) - 1),  # without its end
        [0, len(frames) - 1],  # the end too early
        [1, *range(1, len(frames))],
    ):
        with pytest.raises((Damaged, WrongPassword)):
            take_in(full, head + b"".join(frames[n] for n in order))
    with pytest.raises(Damaged):
        take_in(full, head + frames[0] + others[1] + b"".join(frames[2:]))
    assert take_in(full, head + b"".join(frames)) == 5


def split(data: bytes) -> tuple[bytes, list[bytes]]:
    at = len(backup.MAGIC) + 32
    head, frames = data[:at], []
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        frames.append(data[at:end])
        at = end
    return head, frames


def test_a_weak_passphrase_and_a_missing_vault_are_refused(vault: Vault) -> None:
    with pytest.raises(InvalidPassword):
        exported(vault, "password1")
    with pytest.raises(NoVault):
        backup.export_vault(vault.cast.elsewhere, PASSPHRASE, io.BytesIO(), actor="operator")


def test_no_audit_row_no_file(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_next", lambda *_: (_ for _ in ()).throw(OSError("no room")))
    target = io.BytesIO()
    with pytest.raises(OSError, match="no room"):
        backup.export_vault(full.tenant, PASSPHRASE, target, actor=full.cast.owner)
    assert not target.getvalue()


def test_the_commands_write_to_a_pipe_and_read_from_one(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.management import CommandError, call_command

    monkeypatch.setenv("VAULT_BACKUP_PASSPHRASE", PASSPHRASE)
    out = Pipe()
    monkeypatch.setattr(sys, "stdout", out)
    call_command("vault", "export", "acme", stderr=io.StringIO())
    monkeypatch.setattr(sys, "stdout", Pipe(terminal=True))
    with pytest.raises(CommandError, match="into one"):
        call_command("vault", "export", "acme")
    empty(full.tenant)
    monkeypatch.setattr(sys, "stdin", Pipe(out.written))
    call_command("vault", "import", "acme", stderr=io.StringIO())
    assert entries.get(full.tenant, "pem", password=FIRST, actor="operator") == b"pem A"


@pytest.mark.e2e
def test_a_copied_database_opens_elsewhere_with_its_server_keys_and_not_without(
    start_app: Callable[..., App], tmp_path: Path
) -> None:
    app = start_app()
    workspace = make_workspace(app, "acme")
    workspace.put_secret("sk_live_planted")
    app.stop()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    for path in app.data_dir.glob("*.sqlite3*"):
        (elsewhere / path.name).write_bytes(path.read_bytes())

    def get() -> "subprocess.CompletedProcess[str]":
        environment = clean_environment() | {"DATA_DIR": str(elsewhere), "VAULT_PASSWORD": VAULT_PASSWORD}
        words = [sys.executable, "manage.py", "vault", "get", "acme", "stripe-prod"]
        return subprocess.run(words, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=60)

    refused = get()
    assert refused.returncode == 1
    assert "server key" in refused.stderr
    keys = elsewhere / "server_keys"
    keys.write_bytes((app.data_dir / "server_keys").read_bytes())
    keys.chmod(0o600)
    assert get().stdout == "sk_live_planted"
