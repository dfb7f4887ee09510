"""`manage.py rotate_server_keys`: a new server key, everything sealed afresh under it, and old keys retired."""

import fcntl
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from deny_web.env import BadEnvironment
from vault import audit_keys, compaction_keys, rewrap, server_keys
from vault.errors import VaultError
from vault.management.hardened import HardenedCommand
from vault.tripwires import keys as tripwire_keys

_WAIT = 60  # seconds; far longer than any process holds a row that it sealed before it writes it
_PASSES = 5


class Command(HardenedCommand):
    help = (
        "Add a new server key and seal everything afresh under it, while the app runs. Cut off at any point, it goes "
        "on when it is run again. With --retire, take the old keys away once nothing is sealed under them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--keep", action="store_true", help="add no key: seal afresh under the present first one")
        parser.add_argument("--retire", action="store_true", help="then take away the keys that nothing uses")
        parser.add_argument(
            "--wait", type=int, default=_WAIT, metavar="SECONDS", help="that a key must have been out of use before it "
            f"is retired (default {_WAIT})"
        )  # fmt: skip

    def handle(self, *args: Any, keep: bool, retire: bool, wait: int, **options: Any) -> None:
        try:
            with _alone():
                self._rotate(keep)
                if retire:
                    self._retire(wait)
        except (VaultError, BadEnvironment) as refusal:
            raise CommandError(str(refusal)) from None

    def _rotate(self, keep: bool) -> None:
        if keep or self._is_unfinished():
            self.stderr.write(f"Going on under server key {server_keys.current().id}.")
        else:
            if server_keys.file() is None:
                raise CommandError(
                    f"{server_keys.NAME} gives the server keys. Put a new one on top there, restart every process, "
                    "and run this with --keep."
                )
            server_keys.add_line(server_keys.new_line())
            self.stderr.write(f"Server key {server_keys.current().id} is the current one now. Keep a copy elsewhere.")
        self._seal_afresh()

    def _is_unfinished(self) -> bool:
        return bool(set(rewrap.used()) & {key.id for key in server_keys.all()[1:]})

    def _seal_afresh(self) -> None:
        done = 0
        for _ in range(_PASSES):  # a process that had read the old key writes under it once more, at most
            result = rewrap.run(self._told)
            done += result.done
            if not result.done:
                break
        if sys.stderr.isatty():
            self.stderr.write("")
        self.stderr.write(f"{done} rows sealed afresh.")
        if result.damaged:
            raise CommandError(
                f"{result.damaged} rows open under no key that is here, and stay as they are. Put the missing key "
                "back, or restore the rows; until then no key is retired."
            )

    def _retire(self, wait: int) -> None:
        old = {key.id for key in server_keys.all()[1:]}
        if forgotten := rewrap.forgotten():
            raise CommandError(f"No key is retired: nothing says how to seal {', '.join(forgotten)} afresh.")
        if not old:
            self.stderr.write("There is no old key to retire.")
            return
        if wait:
            self.stderr.write(f"Waiting {wait} seconds for what is under way.")
            time.sleep(wait)
            self._seal_afresh()
        unused = old - set(rewrap.used())
        # First these, then that: cut off in between, the chain still verifies, nothing is disarmed, summaries open.
        for kept in (audit_keys, tripwire_keys, compaction_keys):
            kept.keep(unused)
        names = ", ".join(str(key_id) for key_id in sorted(unused)) or "none"
        if server_keys.file() is None:
            self.stderr.write(f"Nothing uses these keys; take them out of {server_keys.NAME}: {names}.")
        else:
            server_keys.remove(unused)
            self.stderr.write(f"Retired: {names}. Old backups still need them.")

    def _told(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{done} of {total}", ending="")
            self.stderr.flush()


@contextmanager
def _alone() -> Iterator[None]:
    """One rotation at a time on this machine: two would each add a key."""
    handle = os.open(Path(settings.DATA_DIR) / "rotation.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CommandError("A rotation is under way already.") from None
    else:
        yield
    finally:
        os.close(handle)
