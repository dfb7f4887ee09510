"""`manage.py vault …`: secrets by stdin and environment, one line and exit 1 when it refuses."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.vault_cast import FIRST, NEW, SECOND, WRONG, Vault
from vault import entries, leases, worker


class Pipe(io.TextIOWrapper):
    """Standard input or output that is a pipe, or with `terminal` a terminal."""

    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8", write_through=True)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    @property
    def written(self) -> bytes:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()


Run = Callable[..., bytes]


@pytest.fixture
def run(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(
        *words: str, stdin: bytes = b"", terminal: bool = False, password: str | None = FIRST, new: str = ""
    ) -> bytes:
        for name, value in (("VAULT_PASSWORD", password), ("NEW_VAULT_PASSWORD", new)):
            monkeypatch.delenv(name, raising=False)
            if value:
                monkeypatch.setenv(name, value)
        out = Pipe(terminal=terminal)
        with monkeypatch.context() as streams:
            streams.setattr(sys, "stdin", Pipe(stdin))
            streams.setattr(sys, "stdout", out)
            call_command("vault", *words, stdout=out, stderr=io.StringIO())
        return out.written

    return call


def test_a_value_goes_in_and_comes_out_byte_for_byte(run: Run) -> None:
    run("put", "acme", "stripe", stdin=b"sk_live_5Qm\n")
    assert run("get", "acme", "stripe") == b"sk_live_5Qm"
    run("put", "acme", "binary", stdin=bytes(range(256)) + b"\r\n\n")
    assert run("get", "acme", "binary") == bytes(range(256)) + b"\r\n"
    run("put", "acme", "pem", "--band", "4096", stdin=b"x" * 4091)
    assert run("list", "acme") == b"binary\npem\nstripe\n"


def test_rotate_delete_and_purge(run: Run) -> None:
    run("put", "acme", "stripe", stdin=b"one")
    run("rotate", "acme", "stripe", stdin=b"two")
    assert run("get", "acme", "stripe") == b"two"
    run("delete", "acme", "stripe")
    with pytest.raises(CommandError, match="no value under this password"):
        run("get", "acme", "stripe")
    with pytest.raises(CommandError, match="no value under this password"):
        run("rotate", "acme", "stripe", stdin=b"three")
    run("purge", "acme", "stripe", password=None)
    assert run("list", "acme") == b""


def test_a_terminal_sees_a_value_only_on_demand(run: Run) -> None:
    run("put", "acme", "stripe", stdin=b"sk_live_5Qm")
    with pytest.raises(CommandError, match="--reveal"):
        run("get", "acme", "stripe", terminal=True)
    assert run("get", "acme", "stripe", "--reveal", terminal=True) == b"sk_live_5Qm\n"


def test_unlock_and_lock_act_on_the_running_app(run: Run, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    run("put", "acme", "stripe", stdin=b"sk_live_5Qm")
    run("unlock", "acme", "--ttl", "30")
    lease = leases.current(vault.tenant.pk)
    assert lease is not None
    assert 25 < (lease.expires_at - timezone.now()).total_seconds() <= 30
    run("lock", "acme")
    assert leases.current(vault.tenant.pk) is None
    worker._refused.clear()
    monkeypatch.setenv("VAULT_PASSWORD_ACME", FIRST)
    run("unlock", "acme", "--unattended", password=None)
    assert entries.open_under_lease(vault.tenant.pk, "stripe", "") == b"sk_live_5Qm"


def test_add_password_takes_the_survivors_on_stdin(run: Run) -> None:
    run("put", "acme", "stripe", stdin=b"account A")
    run("add-password", "acme", new=SECOND, stdin=f"{FIRST}\n".encode(), password=None)
    run("put", "acme", "stripe", stdin=b"account B", password=SECOND)
    assert run("get", "acme", "stripe") == b"account A"
    assert run("get", "acme", "stripe", password=SECOND) == b"account B"
    with pytest.raises(CommandError, match="at least one password"):
        run("add-password", "acme", new=NEW, stdin=b"\n")


def test_roll_changes_the_password(run: Run) -> None:
    run("put", "acme", "stripe", stdin=b"account A")
    run("roll", "acme", new=NEW)
    assert run("get", "acme", "stripe", password=NEW) == b"account A"
    with pytest.raises(CommandError, match="opens nothing"):
        run("get", "acme", "stripe")


@pytest.mark.parametrize(
    ("words", "options", "sentence"),
    [
        (("get", "nowhere", "stripe"), {}, "no workspace 'nowhere'"),
        (("get", "acme", "stripe"), {}, "no such label"),
        (("get", "acme", "stripe"), {"password": WRONG}, "opens nothing"),
        (("get", "acme", "stripe"), {"password": None}, "Set VAULT_PASSWORD"),
        (("put", "acme", "stripe"), {}, "empty"),
        (("put", "acme", "stripe"), {"stdin": b"x" * 1020}, "1019"),
        (("roll", "acme"), {}, "Set NEW_VAULT_PASSWORD"),
        (("roll", "acme"), {"new": "password1"}, "easy to guess"),
        (("unlock", "acme", "--ttl", "0"), {}, "1 second"),
        (("purge", "acme", "stripe"), {}, "no such label"),
    ],
)
def test_a_refusal_is_one_line_without_a_secret(run: Run, words: tuple[str, ...], options: dict, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence) as refusal:
        run(*words, **options)
    assert "\n" not in str(refusal.value)
    for secret in (FIRST, WRONG, "password1", "xxx"):
        assert secret not in str(refusal.value)


def test_passwords_may_come_from_files(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(FIRST + "\n")
    monkeypatch.setenv("VAULT_PASSWORD_FILE", str(tmp_path / "password"))
    run("put", "acme", "stripe", stdin=b"one", password=None)
    assert run("get", "acme", "stripe", password=None) == b"one"
