"""What SQLite's journal keeps of rows that were written over, wiped after the vault's acts.

`secure_delete` overwrites freed pages in the database's file. The write-ahead log beside it holds old and new pages
until it is cut, and two states of one row are what `docs/threat-model.md` warns of. PostgreSQL has no such act: its
old rows stay until vacuum.
"""

import sqlite3

from django.db import connection, transaction
from django.db.utils import OperationalError

_PATIENCE = 50  # milliseconds that the cut waits for readers; while it waits, no writer gets on


def soon() -> None:
    """Cut the journal once the transaction that runs has been committed."""
    transaction.on_commit(journal, robust=True)


def journal() -> bool:
    """Write the journal back and cut it to nothing; False where somebody is reading it, or there is none.

    What stays because of a reader goes with the next act, or with beat's round.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return False
    usual = int(connection.settings_dict["OPTIONS"].get("timeout", 5) * 1000)
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout={_PATIENCE}")
        try:
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except (OperationalError, sqlite3.OperationalError):
            busy = 1  # locked: a writer is at it
        finally:
            cursor.execute(f"PRAGMA busy_timeout={usual}")
    return not busy
