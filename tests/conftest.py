"""Fixtures that every test may use. `cast` is in tests/cast.py, the real parts are in tests/infra/."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings

from deny_web import valkey as valkey_client
from tests.cast import Cast, make_cast
from tests.infra import sockets, valkey

pytest_plugins = [
    "tests.infra.skips",
    "tests.infra.app",
    "tests.infra.browser",
    "tests.upstream.fixture",
    "tests.vault_cast",
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
