"""`/healthz`: this process answers. `/readyz`: everything that a turn needs is there, part by part.

Both say which part, never a name, a version or an address, since anyone may ask.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import redis
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deny_web import db, heartbeat, valkey

T = TypeVar("T")

_PATIENCE = 5.0  # seconds for each part
_NO_STORE = {"cache-control": "no-store"}
_migrated = False


async def healthz(_: Request) -> Response:
    """200 while the process answers at all."""
    return JSONResponse({"status": "ok"}, headers=_NO_STORE)


async def readyz(_: Request) -> Response:
    """200 when a turn can run from start to end, else 503; the body tells each part."""
    # At once, so that two parts that hang cost whoever asks no more than one.
    database, answers, workers = await asyncio.gather(
        _part(database_is_current), _part(valkey_answers), _part(heartbeat.alive)
    )
    parts = {"database": database, "valkey": answers}
    parts |= {kind: (workers or {}).get(kind, False) for kind in heartbeat.KINDS}
    ready = all(parts.values())
    body = {"status": "ok" if ready else "not ready", **{name: bool(good) for name, good in parts.items()}}
    return JSONResponse(body, 200 if ready else 503, headers=_NO_STORE)


def valkey_answers() -> bool:
    """Whether Valkey answers a ping.

    Raises:
        redis.RedisError: it does not.
    """
    return bool(valkey.sync().ping())


def database_is_current() -> bool:
    """Whether the database answers and has all of this code's migrations.

    Raises:
        DatabaseError: it does not answer.
    """
    global _migrated
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if not _migrated:  # applied stays applied while this process and its code live
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated


async def _part(check: Callable[[], T]) -> T | None:
    try:
        return await asyncio.wait_for(db.run(check), _PATIENCE)
    except (DatabaseError, redis.RedisError, TimeoutError):
        return None


routes = [Route("/healthz", healthz), Route("/readyz", readyz)]
