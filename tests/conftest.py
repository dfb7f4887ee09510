"""Fixtures that every test may use. `cast` is in tests/cast.py, the real parts are in tests/infra/."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker

from deny_web import loop
from deny_web import valkey as valkey_client
from tests.cast import Cast, make_cast
from tests.infra import sockets, valkey

pytest_plugins = [
    "tests.infra.skips",
    "tests.infra.figures",
    "tests.infra.side_by_side",
    "tests.infra.app",
    "tests.infra.browser",
    "tests.upstream.fixture",
    "tests.vault_cast",
    "tests.webhook_receiver",
]

sockets.install()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On another database than SQLite, leave out what does not touch it (it was run already) and what is SQLite's."""
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return
    touching = [
        item
        for item in items
        if (item.get_closest_marker("django_db") or "db" in item.fixturenames)  # type: ignore[attr-defined]
        and not item.get_closest_marker("sqlite")
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in touching])
    items[:] = touching


@pytest.fixture(scope="session", autouse=True)
def _valkey_server() -> Iterator[int]:
    with valkey.running(Path(urlsplit(settings.REDIS_URL).path)) as pid:
        yield pid


@pytest.fixture(autouse=True)
def valkey_flushed(_valkey_server: int) -> redis.Redis:
    """The session's Valkey, empty: no test sees a lease, a limit or an event of the one before."""
    client = valkey_client.sync()
    client.flushall()
    return client


@pytest.fixture(autouse=True)
def _stays_on_this_machine() -> Iterator[None]:
    sockets.attempts.clear()
    yield
    assert not sockets.attempts, f"the test tried to leave this machine: {sockets.attempts}"


@pytest.fixture
def cast(db: None) -> Cast:
    """Alice owns, Erin is admin, Bob is member, Dave is viewer, Charlie is an outsider."""
    return make_cast()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database. Its other sessions end first: the threads of the pool keep theirs for the process's life."""
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


@pytest.fixture(scope="session", autouse=True)
def _closed_at_the_end(_valkey_server: int) -> Iterator[None]:
    """What the process's own loop holds open for its life is closed before the process looks for what was forgotten."""
    yield
    from chat.providers import client  # only now: the plugins that load this file come before the app registry
    from tenants import pools

    pools.close()
    loop.submit(client.close()).result(timeout=10)
    loop.submit(_close()).result(timeout=10)
    valkey_client.sync().close()


async def _close() -> None:
    await valkey_client.aio().aclose()
    await get_channel_layer().flush()
