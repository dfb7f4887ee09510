"""A workspace in a running app, with a scripted upstream and an API for its tools. A package's conftest imports these
fixtures by name; the app serves the whole package, since it takes seconds to start, the workspace one file of it.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests import tool_api
from tests.infra.app import App
from tests.infra.beside import app_beside
from tests.upstream import Upstream
from tests.upstream import running as upstream_running
from tests.workspace import Workspace, make_workspace

_numbers = count(1)


@pytest.fixture(scope="package")
def api_server() -> Iterator[tool_api.ToolApi]:
    with tool_api.running() as api:
        yield api


@pytest.fixture
def api(api_server: tool_api.ToolApi) -> tool_api.ToolApi:
    """The HTTP API that tools call; nothing recorded yet."""
    api_server.requests.clear()
    return api_server


@pytest.fixture(scope="package")
def app(migrated_dir: Path, api_server: tool_api.ToolApi) -> Iterator[App]:
    """The app, allowed to call the tool API though it is on loopback."""
    with app_beside(migrated_dir, api_server) as running:
        yield running


@pytest.fixture(scope="package")
def upstream_server() -> Iterator[Upstream]:
    with upstream_running() as server:
        yield server


@pytest.fixture
def upstream(upstream_server: Upstream) -> Iterator[Upstream]:
    """The upstream, empty; fails where the script and the requests do not agree."""
    upstream_server.reset()
    yield upstream_server
    upstream_server.assert_used()


@pytest.fixture(scope="module")
def acme(app: App, upstream_server: Upstream) -> Workspace:
    """A file's workspace as it was made; most tests want `workspace`."""
    made = make_workspace(app, f"acme-{next(_numbers)}")
    made.use_upstream(upstream_server.url)
    made.put_secret()
    return made


@pytest.fixture
def workspace(acme: Workspace) -> Iterator[Workspace]:
    """The file's workspace, its vault unlocked."""
    acme.app.wait_ready()
    if not acme.unlocked:
        acme.unlock()
    yield acme
    acme.close()


@pytest.fixture(scope="package")
def other_workspace(app: App, upstream_server: Upstream) -> Iterator[Workspace]:
    """A workspace that has nothing to do with `acme`."""
    made = make_workspace(app, "elsewhere")
    made.use_upstream(upstream_server.url)
    yield made
    made.close()
