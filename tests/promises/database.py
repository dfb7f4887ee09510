"""The running app's SQLite, looked at and broken from outside, as nothing in the app would."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from deny_web import rundir
from tests.infra.app import App, wait_for

_OPEN = {
    "turns": "SELECT id, status, door, host_id FROM chat_response WHERE status IN ('queued', 'in_progress')",
    "calls": "SELECT id, name, state, deadline FROM chat_toolcall"
    " WHERE state NOT IN ('done', 'failed', 'denied', 'unknown')",
    "conversations": "SELECT id, active_id FROM chat_conversation WHERE active_id IS NOT NULL",
    "items": "SELECT i.id, i.body FROM chat_item i JOIN chat_response r ON r.id = i.response_id"
    " WHERE i.direction = 'output' AND json_extract(i.body, '$.status') = 'in_progress'",
}


def query(app: App, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with closing(connect(app)) as connection:
        return connection.execute(sql, parameters).fetchall()


def execute(app: App, sql: str, *parameters: object) -> None:
    with closing(connect(app)) as connection:
        connection.execute(sql, parameters)


def connect(app: App) -> sqlite3.Connection:
    """In autocommit mode, so that a test says itself where a transaction begins."""
    return sqlite3.connect(rundir.database_path(app.data_dir), timeout=20, isolation_level=None)


@contextmanager
def refusing(app: App, table: str, when: str = "1") -> Iterator[None]:
    """Let every insert into `table` that fits `when` fail, as a disk or a constraint would make it fail."""
    execute(
        app,
        f"CREATE TRIGGER promise_refuses BEFORE INSERT ON {table} WHEN {when} "
        "BEGIN SELECT RAISE(ABORT, 'no room'); END",
    )
    try:
        yield
    finally:
        execute(app, "DROP TRIGGER promise_refuses")


def still_open(app: App) -> dict[str, list[tuple[Any, ...]]]:
    """Whatever has not come to its end, by kind."""
    return {kind: rows for kind, sql in _OPEN.items() if (rows := query(app, sql))}


def wait_settled(app: App, seconds: float = 40) -> None:
    """Return once everything that was accepted has ended."""
    wait_for(lambda: not still_open(app), seconds, lambda: f"left open: {still_open(app)}")
