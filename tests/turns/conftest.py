"""One running app, one scripted upstream, one tool API and one workspace for the tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tool_api
from tests.infra.app import App
from tests.infra.beside import app_beside
from tests.upstream import Upstream
from tests.upstream import running as upstream_running
from tests.workspace import Workspace, make_workspace


@pytest.fixture(scope="module")
def _api_server() -> Iterator[tool_api.ToolApi]:
    with tool_api.running() as api:
        yield api


@pytest.fixture
def api(_api_server: tool_api.ToolApi) -> tool_api.ToolApi:
    """The HTTP API that tools call; nothing recorded yet."""
    _api_server.requests.clear()
    return _api_server


@pytest.fixture(scope="module")
def app(migrated_dir: Path, _api_server: tool_api.ToolApi) -> Iterator[App]:
    """The app, allowed to call the tool API though it is on loopback."""
    with app_beside(migrated_dir, _api_server) as running:
        yield running


@pytest.fixture(scope="module")
def _upstream_server() -> Iterator[Upstream]:
    with upstream_running() as server:
        yield server


@pytest.fixture(scope="module")
def _made(app: App, _upstream_server: Upstream) -> Workspace:
    made = make_workspace(app, "acme")
    made.use_upstream(_upstream_server.url)
    made.put_secret()
    return made


@pytest.fixture
def upstream(_upstream_server: Upstream) -> Iterator[Upstream]:
    """The file's upstream, empty; fails where the script and the requests do not agree."""
    _upstream_server.reset()
    yield _upstream_server
    _upstream_server.assert_used()


@pytest.fixture
def workspace(_made: Workspace) -> Iterator[Workspace]:
    """The workspace `acme`, its vault unlocked."""
    _made.app.wait_ready()
    if not _made.unlocked:
        _made.unlock()
    yield _made
    _made.close()


@pytest.fixture(scope="module")
def other_workspace(app: App, _upstream_server: Upstream) -> Iterator[Workspace]:
    """A workspace that has nothing to do with `acme`."""
    made = make_workspace(app, "elsewhere")
    made.use_upstream(_upstream_server.url)
    yield made
    made.close()
