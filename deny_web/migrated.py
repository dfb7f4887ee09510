"""Whether the embedded database is known to be at this code's migrations, without waking Django.

The last `migrate` left a note: a fingerprint of every migration of this code, and the rows of `django_migrations`. If
both still agree there is nothing to do; if anything differs, or cannot be read, Django decides.
"""

import hashlib
import json
import sqlite3
from contextlib import closing
from importlib import metadata
from pathlib import Path

from deny_web.rundir import database_path

_NOTE = "migrated.json"
_OURS = ("tenants", "vault", "chat")
_THEIRS = ("django", "django-allauth")


def is_current(data_dir: Path) -> bool:
    """Whether nothing has to be migrated in the embedded database of `data_dir`."""
    try:
        note = json.loads((data_dir / _NOTE).read_text(encoding="utf-8"))
        return note == {"fingerprint": fingerprint(), "applied": _applied(data_dir)}
    except (OSError, ValueError, sqlite3.Error):
        return False


def remember(data_dir: Path) -> None:
    """Note that the embedded database of `data_dir` has just been migrated."""
    note = {"fingerprint": fingerprint(), "applied": _applied(data_dir)}
    (data_dir / _NOTE).write_text(json.dumps(note), encoding="utf-8")


def fingerprint() -> str:
    """A digest of all migrations that this code brings."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for path in sorted(path for app in _OURS for path in (root / app / "migrations").glob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    for name in _THEIRS:
        digest.update(f"{name} {metadata.version(name)}\0".encode())
    return digest.hexdigest()


def _applied(data_dir: Path) -> list[list[str]]:
    # mode=rw: read, but never make an empty database that would then look like a new one.
    address = f"{database_path(data_dir).resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=5)) as database:
        rows = database.execute("SELECT app, name FROM django_migrations ORDER BY app, name")
        return [list(row) for row in rows]
