"""One running app for all promises but the first, whose app logs everything and is searched whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tool_api
from tests.infra.app import App
from tests.infra.beside import app_beside
from tests.promises import database, visitor
from tests.upstream import Upstream
from tests.upstream import running as upstream_running
from tests.workspace import Workspace, make_workspace


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


@pytest.fixture(scope="package")
def _made(app: App, upstream_server: Upstream) -> Workspace:
    made = make_workspace(app, "acme")
    made.use_upstream(upstream_server.url)
    made.put_secret()
    return made


@pytest.fixture
def workspace(_made: Workspace) -> Iterator[Workspace]:
    """The workspace `acme`, its vault unlocked."""
    _made.app.wait_ready()
    if not _made.unlocked:
        _made.unlock()
    yield _made
    _made.close()


@pytest.fixture(scope="package")
def other_workspace(app: App, upstream_server: Upstream) -> Iterator[Workspace]:
    """A workspace that has nothing to do with `acme`."""
    made = make_workspace(app, "elsewhere")
    made.use_upstream(upstream_server.url)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _connections_closed() -> Iterator[None]:
    yield
    visitor.close_all()


@pytest.fixture
def settled(workspace: Workspace) -> Iterator[None]:
    """After the test no turn, call or conversation is left open in the database."""
    yield
    database.wait_settled(workspace.app)
