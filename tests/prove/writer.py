"""The processes that get killed: each changes the vault in a loop by the command that people use, and says what is
done.

A fresh interpreter with Django loaded takes a second; these are forked from one that stays, so that a kill costs little
and falls into the act instead of the start.
"""

import io
import os
import sys
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path


def put(path: str, slug: str, label: str, password: str, start: int, said: Connection) -> None:
    """`vault put` with value after value, from `start` on; tells each number that is stored."""
    _run(path, {"VAULT_PASSWORD": password})
    for number in count(start):
        _command("put", slug, label, stdin=value(number))
        said.send(number)


def roll(path: str, slug: str, passwords: tuple[str, str], turn: int, said: Connection) -> None:
    """`vault roll` between two passwords, back and forth; tells which is in force."""
    _run(path, {})
    for number in count(turn):
        names = passwords[number % 2], passwords[(number + 1) % 2]
        os.environ["VAULT_PASSWORD"], os.environ["NEW_VAULT_PASSWORD"] = names
        said.send(("begins", number))
        _command("roll", slug)
        said.send(("done", number))


def add_password(path: str, slug: str, survivor: str, turn: int, said: Connection) -> None:
    """`vault add-password` with password after password; only `survivor` is named each time."""
    _run(path, {})
    for number in count(turn):
        os.environ["NEW_VAULT_PASSWORD"] = another(number)
        said.send(("begins", number))
        _command("add-password", slug, stdin=survivor.encode())
        said.send(("done", number))


def purge(path: str, slug: str, label: str, password: str, turn: int, said: Connection) -> None:
    """`vault put` of a value, and `vault purge` of its label."""
    _run(path, {"VAULT_PASSWORD": password})
    for number in count(turn):
        _command("put", slug, label, stdin=value(number))
        said.send(("begins", number))
        _command("purge", slug, label)
        said.send(("done", number))


def restore(path: str, slug: str, file: str, passphrase: str, said: Connection) -> None:
    """`vault import` of a file, the vault taken away before each."""
    _run(path, {"VAULT_BACKUP_PASSPHRASE": passphrase})
    exported = Path(file).read_bytes()
    while True:
        take_away()
        said.send("begins")
        _command("import", slug, stdin=exported)
        said.send("done")


def take_away() -> None:
    """The vault goes, in one transaction."""
    from django.db import transaction

    from vault.models import VaultEntry, VaultHeader

    with transaction.atomic():
        VaultEntry.objects.all().delete()
        VaultHeader.objects.all().delete()


def another(number: int) -> str:
    """The password of a number, which the strength gate lets through."""
    return f"copper thistle {number} lagoon sparrow {number}"


def value(number: int) -> bytes:
    """The value of a number; its length changes with it."""
    return b"value %d " % number + b"x" * (number % 200)


def _run(path: str, environment: dict[str, str]) -> None:
    """Make this process one of the database at `path`, with its keys and its Valkey."""
    from tests.prove import setting
    from vault import derivation

    setting.join(Path(path))
    setting.use(Path(path))
    os.environ |= environment
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - lives as long as the process
    derivation.MEMORY, derivation.PASSES = 8, 1


def _command(*words: str, stdin: bytes = b"") -> None:
    from django.core.management import call_command

    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    call_command("vault", *words)
