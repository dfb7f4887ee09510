"""A vault write killed by pid at any point leaves the old value or the new one, never neither."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deny_web import rundir
from tests.infra.app import ROOT
from tests.settings import clean_environment
from tests.workspace import OWNER_PASSWORD, VAULT_PASSWORD

pytestmark = pytest.mark.e2e
KILLS = 8
SECOND = "marble ferry nine violet crows"
# One process that answers `PASSWORD<TAB>LABEL` with the value, since a start of Django for each look takes seconds.
_READER = """
import sys, django
django.setup()
from tenants.models import Tenant
from vault import entries
from vault.errors import VaultError
for line in sys.stdin:
    password, label = line.rstrip("\\n").split("\\t")
    try:
        value = entries.get(Tenant.objects.get(slug="acme"), label, password=password, actor="operator").decode()
    except VaultError as refused:
        value = type(refused).__name__
    print(value, flush=True)
"""


class Vault:
    """A workspace's vault in a data directory of its own, written by commands, without a running app."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.environment = clean_environment() | {
            "DATA_DIR": str(data_dir),
            "DJANGO_SETTINGS_MODULE": "deny_web.settings",
        }
        self.reader = subprocess.Popen(
            [sys.executable, "-c", _READER], cwd=ROOT, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def start(self, *arguments: str, stdin: str = "", **secrets: str) -> "subprocess.Popen[str]":
        command = subprocess.Popen(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment | secrets, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert command.stdin
        command.stdin.write(stdin)
        command.stdin.close()
        command.stdin = None
        return command

    def run(self, *arguments: str, stdin: str = "", **secrets: str) -> None:
        command = self.start(*arguments, stdin=stdin, **secrets)
        _, complaints = command.communicate(timeout=60)
        assert command.returncode == 0, complaints

    def get(self, label: str, password: str = VAULT_PASSWORD) -> str:
        assert self.reader.stdin
        assert self.reader.stdout
        self.reader.stdin.write(f"{password}\t{label}\n")
        self.reader.stdin.flush()
        return self.reader.stdout.readline().rstrip("\n")

    def kill_when_it_writes(self, command: "subprocess.Popen[str]", after: float) -> bool:
        """SIGKILL by pid, `after` seconds from the first byte that it adds to the journal; whether it was in time."""
        journal = Path(f"{rundir.database_path(self.data_dir)}-wal")
        before = _mark(journal)
        while command.poll() is None and _mark(journal) == before:
            pass
        time.sleep(after)
        in_time = command.poll() is None
        if in_time:
            os.kill(command.pid, signal.SIGKILL)
        command.communicate()
        return in_time

    def close(self) -> None:
        self.reader.communicate(timeout=20)


def _mark(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


@contextmanager
def _folder(migrated_dir: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dw-kill-"))
    try:
        shutil.copytree(migrated_dir, folder / "data")
        yield folder / "data"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def vault(migrated_dir: Path) -> Iterator[Vault]:
    with _folder(migrated_dir) as data_dir:
        made = Vault(data_dir)
        made.run(
            *("create_tenant", "Acme", "--slug", "acme", "--owner", "alice@example.com"),
            OWNER_PASSWORD=OWNER_PASSWORD,
            VAULT_PASSWORD=VAULT_PASSWORD,
        )
        for label in ("one", "two", "three"):
            made.run("vault", "put", "acme", label, stdin=f"{label} 0", VAULT_PASSWORD=VAULT_PASSWORD)
        yield made
        made.close()


def test_a_killed_write_leaves_the_old_value_or_the_new(vault: Vault, say) -> None:
    fates: Counter[str] = Counter()
    for n in range(1, KILLS + 1):
        old, new = vault.get("one"), f"one {n}"
        command = vault.start("vault", "put", "acme", "one", stdin=new, VAULT_PASSWORD=VAULT_PASSWORD)
        killed = vault.kill_when_it_writes(command, after=(n % 5) * 0.002)
        found = vault.get("one")
        assert found in {old, new}
        fates[("killed, " if killed else "ended, ") + ("new" if found == new else "old")] += 1
    assert vault.get("two") == "two 0"
    say(f"{KILLS} killed writes: {dict(fates)}")
    assert any(fate.startswith("killed") for fate in fates), "no write was killed in time"


def test_a_killed_roll_leaves_every_value_under_one_password(vault: Vault, say) -> None:
    fates: Counter[str] = Counter()
    labels = {label: vault.get(label) for label in ("one", "two", "three")}
    passwords = [VAULT_PASSWORD, SECOND]
    for n in range(4):
        old, new = passwords
        command = vault.start("vault", "roll", "acme", VAULT_PASSWORD=old, NEW_VAULT_PASSWORD=new)
        killed = vault.kill_when_it_writes(command, after=n * 0.004)
        seen = {password: {label: vault.get(label, password) for label in labels} for password in passwords}
        whole = [password for password in passwords if seen[password] == labels]
        assert len(whole) == 1, seen
        other = next(password for password in passwords if password not in whole)
        assert set(seen[other].values()) == {"WrongPassword"}
        fates[("killed, " if killed else "ended, ") + ("new" if whole == [new] else "old")] += 1
        if whole == [new]:
            passwords.reverse()
    say(f"4 killed rolls: {dict(fates)}")
