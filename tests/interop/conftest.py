"""One running app, one scripted upstream and one workspace with a tool, for all the clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tool_api
from tests.infra.app import App
from tests.infra.beside import app_beside
from tests.interop import installed
from tests.interop.programs import Programs
from tests.tool_api import ToolApi, reply
from tests.upstream import Upstream
from tests.upstream import running as upstream_running
from tests.workspace import Workspace, make_workspace, tool

INVOICE = {"id": "in_1Abc123XYZ", "amount_due": 4200, "status": "open", "customer_email": "jo@example.com"}


@pytest.fixture(scope="package")
def _api_server() -> Iterator[ToolApi]:
    with tool_api.running() as server:
        server.handle(f"/v1/invoices/{INVOICE['id']}", reply(INVOICE))
        yield server


@pytest.fixture
def api(_api_server: ToolApi) -> ToolApi:
    """The invoices' API, which the workspace's tool calls; nothing recorded yet."""
    _api_server.requests.clear()
    return _api_server


@pytest.fixture(scope="package")
def app(migrated_dir: Path, _api_server: ToolApi) -> Iterator[App]:
    """The app, for every file of this folder."""
    with app_beside(migrated_dir, _api_server) as running:
        yield running


@pytest.fixture(scope="package")
def _upstream_server() -> Iterator[Upstream]:
    with upstream_running() as server:
        yield server


@pytest.fixture
def upstream(_upstream_server: Upstream) -> Iterator[Upstream]:
    """The upstream, empty; fails where the script and the requests do not agree."""
    _upstream_server.reset()
    yield _upstream_server
    _upstream_server.assert_used()


@pytest.fixture(scope="package")
def workspace(app: App, _upstream_server: Upstream, _api_server: ToolApi) -> Iterator[Workspace]:
    """The workspace `acme`, its vault unlocked, with the tool `get_invoice`."""
    made = make_workspace(app, "acme")
    made.use_upstream(_upstream_server.url)
    made.put_secret()
    made.unlock()
    made.load_tools(tool(_api_server.url, result="{id: id, amount_due: amount_due, status: status}"))
    yield made
    made.close()


@pytest.fixture
def programs(workspace: Workspace, tmp_path: Path) -> Programs:
    """Runs the documents' programs. Needs no package that the app does not have itself."""
    return Programs(workspace, tmp_path)


@pytest.fixture(scope="session")
def clients() -> None:
    """The clients' packages, Python's and Node's."""
    try:
        installed.node_modules()
    except installed.NotInstalled as reason:
        pytest.skip(f"the clients' packages could not be installed ({reason})")
