"""Where the attacks take place: the app's own code in this process, over databases that exist for a moment."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

_HASTY = " PRAGMA synchronous=OFF;"
OWNER = "prover@example.com"
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@contextmanager
def stage() -> Iterator[Path]:
    """Django with the tests' settings, a Valkey of its own, and a template database with one workspace.

    Yields the template's path.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    from tests import settings as given
    from tests.infra import valkey

    django.setup()
    os.environ["TMPDIR"] = str(given.SCRATCH)  # what further processes leave behind goes with it
    with valkey.running(given.SCRATCH / "valkey.sock"):
        yield _template(given.SCRATCH)


def _template(folder: Path) -> Path:
    from django.core.management import call_command

    from tenants import actions
    from tenants.models import User

    path = folder / "template.sqlite3"
    use(path)
    call_command("migrate", verbosity=0)
    with Clock():
        actions.create_tenant("Prover", slug="prover", acting=User.objects.create_user(OWNER, None))
    close()
    return path


def use(path: Path) -> None:
    """Let Django's connection be one to this SQLite file."""
    from django.db import connection

    close()
    connection.settings_dict["NAME"] = str(path)
    # Nothing here asks what a power cut leaves, and waiting for the disk would be most of the time.
    usual = connection.settings_dict["OPTIONS"]["init_command"].removesuffix(_HASTY)
    connection.settings_dict["OPTIONS"]["init_command"] = usual + _HASTY


def join(template: Path, *, valkey_database: int = 0) -> None:
    """Make a further process one of this stage: the same server keys, the same Valkey."""
    from django.conf import settings

    settings.DATA_DIR = template.parent / "data"
    settings.REDIS_URL = f"unix://{template.parent / 'valkey.sock'}?db={valkey_database}"
    layer: dict[str, Any] = settings.CHANNEL_LAYERS["default"]
    layer["CONFIG"]["hosts"] = [settings.REDIS_URL]


def close() -> None:
    """Close the connection; SQLite then writes its journal back and removes it."""
    from django.db import connection

    connection.close()


@contextmanager
def database(template: Path, path: Path) -> Iterator[Path]:
    """A fresh copy of the template, gone at the end."""
    shutil.copyfile(template, path)
    use(path)
    try:
        yield path
    finally:
        close()
        for left in path.parent.glob(path.name + "*"):
            left.unlink()


class Clock:
    """A clock that stands still until it is moved, so that two worlds can have the same times."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.now = START

    def tick(self, pace: random.Random) -> None:
        self.now += timedelta(seconds=pace.randint(20, 90_000), microseconds=pace.randrange(1_000_000))

    def __enter__(self) -> "Clock":
        self._patch: Any = patch("django.utils.timezone.now", lambda: self.now)
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


@contextmanager
def cheap() -> Iterator[None]:
    """Argon2id with 8 KiB and one pass: the derivation is not what is examined, and its 32 bytes look the same."""
    from vault import derivation

    with patch.object(derivation, "MEMORY", 8), patch.object(derivation, "PASSES", 1):
        yield
