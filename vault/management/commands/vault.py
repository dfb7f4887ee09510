"""`manage.py vault …`: the operator's hands on a vault. Secrets come from stdin and the environment only."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError
from django.http import Http404

from deny_web import env
from tenants import access
from tenants.access import Principal
from vault import backup, entries, leases, lookalikes, rolling, row, terminal
from vault.errors import VaultError
from vault.management.hardened import HardenedCommand

_MOST_STDIN = 1024 * 1024  # bytes


class Command(HardenedCommand):
    help = "Store, show and remove credentials, unlock and lock, change passwords. VAULT_PASSWORD is the password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        for name, text in _HELP.items():
            act = acts.add_parser(name, help=text, description=text)
            if name == "lookalike":
                act.add_argument("kind", metavar="KIND", nargs="?", choices=lookalikes.KINDS, help="none: the kinds")
                continue
            act.add_argument("slug", metavar="SLUG", help="the workspace")
            if name in ("put", "get", "rotate", "delete", "purge"):
                act.add_argument("label", metavar="LABEL")
            if name == "put":
                act.add_argument(
                    "--band", type=int, choices=row.BANDS, help="room for the value, in bytes; new labels only"
                )
            if name == "get":
                act.add_argument("--reveal", action="store_true", help="print to a terminal all the same")
            if name == "unlock":
                act.add_argument("--ttl", type=int, default=leases.DEFAULT_TTL, metavar="SECONDS")
                act.add_argument(
                    "--unattended", action="store_true", help="let VAULT_PASSWORD_<SLUG> of the worker unlock"
                )

    def handle(self, *args: Any, act: str, slug: str = "", **options: Any) -> None:
        if act == "lookalike":
            self._lookalike(**options)
            return
        try:
            principal = access.for_slug(slug)
            getattr(self, f"_{act.replace('-', '_')}")(principal, **options)
        except (VaultError, Http404) as refusal:
            raise CommandError(str(refusal)) from None

    def _put(self, who: Principal, *, label: str, band: int | None, **_: Any) -> None:
        password = _password()
        entries.put(who.tenant, label, _stdin_value(), password=password, band=band, actor=who)

    def _get(self, who: Principal, *, label: str, reveal: bool, **_: Any) -> None:
        if sys.stdout.isatty() and not reveal:
            raise CommandError("This would print the value to the terminal. Add --reveal to do so, or use a pipe.")
        value = entries.get(who.tenant, label, password=_password(), actor=who)
        sys.stdout.buffer.write(value + (b"\n" if sys.stdout.isatty() else b""))
        sys.stdout.buffer.flush()

    def _list(self, who: Principal, **_: Any) -> None:
        for entry in entries.list(who.tenant):
            self.stdout.write(entry.label)

    def _rotate(self, who: Principal, *, label: str, **_: Any) -> None:
        password = _password()
        entries.rotate(who.tenant, label, _stdin_value(), password=password, actor=who)

    def _delete(self, who: Principal, *, label: str, **_: Any) -> None:
        entries.delete(who.tenant, label, password=_password(), actor=who)

    def _purge(self, who: Principal, *, label: str, **_: Any) -> None:
        entries.purge(who.tenant, label, password=env.text("VAULT_PASSWORD"), actor=who)

    def _unlock(self, who: Principal, *, ttl: int, unattended: bool, **_: Any) -> None:
        if unattended:
            leases.unattended(who.tenant, actor=who)
            self.stderr.write("The worker may unlock with its environment's password.")
        else:
            lease = leases.unlock(who.tenant, _password(), ttl=ttl, actor=who)
            self.stderr.write(f"Unlocked until {lease.expires_at:%Y-%m-%d %H:%M:%S} UTC.")

    def _lock(self, who: Principal, **_: Any) -> None:
        leases.lock(who.tenant, actor=who)

    def _add_password(self, who: Principal, **_: Any) -> None:
        new = _password("NEW_VAULT_PASSWORD")
        survivors = [line for line in _stdin().decode(errors="surrogateescape").splitlines() if line]
        rolling.add_password(who.tenant, new, survivors, actor=who, told=self._bar())

    def _roll(self, who: Principal, **_: Any) -> None:
        rolling.roll(who.tenant, _password(), _password("NEW_VAULT_PASSWORD"), actor=who, told=self._bar())

    def _bar(self) -> Callable[[int, int], None]:
        # The stream beneath Django's wrapper, which would end each piece with a new line.
        return terminal.bar(sys.stderr, "Sealing afresh")

    def _lookalike(self, *, kind: str | None, **_: Any) -> None:
        if kind:
            self.stdout.write(lookalikes.make(kind))
        else:
            for slug, title in lookalikes.KINDS.items():
                self.stdout.write(f"{slug:24} {title}")

    def _export(self, who: Principal, **_: Any) -> None:
        if sys.stdout.isatty():
            raise CommandError("This writes a file to stdout; send it into one: > vault.backup")
        count = backup.export_vault(who.tenant, _password("VAULT_BACKUP_PASSPHRASE"), sys.stdout.buffer, actor=who)
        sys.stdout.buffer.flush()
        self.stderr.write(f"{count} entries and items.")

    def _import(self, who: Principal, **_: Any) -> None:
        count = backup.import_vault(who.tenant, _password("VAULT_BACKUP_PASSPHRASE"), sys.stdin.buffer, actor=who)
        self.stderr.write(f"{count} entries and items.")


_HELP = {
    "lookalike": "print a value that looks like a credential of KIND and is none; kept nowhere. It fails at its first "
    "call: a cover that has to work is a working credential with few rights",
    "put": "store the value on stdin under LABEL; makes the label, or replaces this password's own value",
    "get": "print this password's own value",
    "list": "print the labels",
    "rotate": "replace this password's own value, which must exist, with the one on stdin",
    "delete": "empty this password's own value; other passwords' values stay",
    "purge": "remove LABEL with the values of every password",
    "unlock": "let tools open this password's values for a while",
    "lock": "end that now",
    "add-password": "make another compartment under NEW_VAULT_PASSWORD; on stdin, one a line, the passwords whose "
    "values shall survive. Values of a password that you leave out may be overwritten",
    "export": "write the whole vault to stdout as one file, sealed under VAULT_BACKUP_PASSPHRASE; needs no password",
    "import": "make SLUG's vault from such a file on stdin; SLUG may have none yet",
    "roll": "change VAULT_PASSWORD into NEW_VAULT_PASSWORD over every entry. Cut off, it goes on when it is asked "
    "for again",
}


def _password(name: str = "VAULT_PASSWORD") -> str:
    password = env.text(name)
    if password is None:
        raise CommandError(f"Set {name} (or {name}_FILE) in the environment.")
    return password


def _stdin() -> bytes:
    data = sys.stdin.buffer.read(_MOST_STDIN + 1)
    if len(data) > _MOST_STDIN:
        raise CommandError("There is too much on stdin.")
    return data


def _stdin_value() -> bytes:
    return _stdin().removesuffix(b"\n")
