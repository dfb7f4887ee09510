"""What the database said a moment ago, for the few questions that every API request asks anew: whose key, which model,
which tools.

An answer is kept for a second at most. It is dropped at once when this process or another one writes to a table that
such answers come from: every connection is watched for such writes, and tells the other processes through Valkey after
the commit. Nothing is kept while a process cannot hear that, so that a revoked key has at most a second where Valkey
falls silent at that very moment, and none otherwise.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import redis
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from deny_web import valkey

T = TypeVar("T")

LASTS = 1.0  # seconds
_MOST = 10_000  # answers kept; with one more all go
_CHANNEL = "deny_web:written"
_RETRY_SECONDS = 0.5
_LOOK_SECONDS = 1.0  # how long a wait for word is at most before it looks whether to go on
_log = logging.getLogger(__name__)

_answers: dict[Hashable, tuple[float, Any]] = {}
_written = 0  # rises with every write that was noticed
_listening = False
_tables: dict[str, tuple[str, ...]] = {}
_here = threading.local()


class Unknown(Exception):
    """There is no recent answer, and the asker is not to wait for the database."""


def get(question: Hashable, ask: Callable[[], T]) -> T:
    """The answer of a moment ago, else what `ask` finds in the database now. None is never kept."""
    found = _answers.get(question)
    if found is not None and found[0] > time.monotonic():
        return cast(T, found[1])
    must_not_wait()
    # A write between the question and its answer would make the answer an old one that is kept as new.
    before, now = _written, time.monotonic()
    answer = ask()
    if _listening and answer is not None and before == _written and not _sees_its_own():
        if len(_answers) >= _MOST:
            _answers.clear()
        _answers[question] = (now + LASTS, answer)
    return answer


@contextmanager
def only() -> Iterator[None]:
    """Within, on this thread, what is not known raises Unknown: for code on an event loop, which must not wait."""
    _here.only = True
    try:
        yield
    finally:
        _here.only = False


def must_not_wait() -> None:
    """Before whatever waits for another process. Raises Unknown within `only`."""
    if getattr(_here, "only", False):
        raise Unknown


def watch(table: str, *, but: tuple[str, ...] = ()) -> None:
    """Answers come from this table. An UPDATE whose first column is among `but` changes none of them."""
    _tables[table] = but


def watches(table: str) -> bool:
    return table in _tables


def forget() -> None:
    """Drop every answer."""
    global _written
    _written += 1
    _answers.clear()


async def listen() -> None:
    """Hear of other processes' writes, for as long as the task runs. Answers are kept only meanwhile."""
    global _listening
    here = cast("asyncio.Task[None]", asyncio.current_task())
    try:
        # A cancellation in the middle of a connection's making can get lost in there, so it is looked for by itself.
        while not here.cancelling():
            try:
                async with valkey.aio().pubsub(ignore_subscribe_messages=False) as channel:
                    await channel.subscribe(_CHANNEL)
                    while not here.cancelling():
                        message = await channel.get_message(timeout=_LOOK_SECONDS)
                        if message is None:
                            continue
                        forget()  # at the subscription too: what was written before it, nobody told us
                        _listening = _listening or message["type"] == "subscribe"
            except (redis.RedisError, OSError) as error:
                _log.warning("Valkey is away (%s); every request asks the database", type(error).__name__)
            finally:
                _listening = False
                forget()
            await asyncio.sleep(_RETRY_SECONDS)
    finally:
        _listening = False


def _sees_its_own() -> bool:
    """Whether this thread's open transaction has written to a watched table: nobody else sees that yet."""
    if not connection.in_atomic_block:
        _here.wrote = False
    return getattr(_here, "wrote", False)


def _notice(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    result = execute(sql, params, many, context)
    if sql[:6] in ("INSERT", "UPDATE", "DELETE") and _matters(sql):
        forget()
        _here.wrote = True
        transaction.on_commit(_tell, using=context["connection"].alias)
    return result


def _matters(sql: str) -> bool:
    names = sql.split('"', 4)  # INSERT INTO "table" …, UPDATE "table" SET "column" …, DELETE FROM "table" …
    if len(names) < 2 or names[1] not in _tables:
        return False
    return not (sql[0] == "U" and len(names) > 3 and names[3] in _tables[names[1]])


def _tell() -> None:
    _here.wrote = False
    forget()  # again: between the write and its commit the old answer may have been kept anew
    try:
        valkey.sync().publish(_CHANNEL, b"")
    except (redis.RedisError, OSError) as error:
        _log.warning("other processes were not told of a write: %s", type(error).__name__)


def _watch_connection(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if _notice not in connection.execute_wrappers:
        connection.execute_wrappers.append(_notice)


connection_created.connect(_watch_connection, dispatch_uid="deny_web.recent")
