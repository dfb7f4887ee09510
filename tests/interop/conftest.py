"""One running app, one scripted upstream and one workspace with two tools, for all the clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tool_api
from tests.acme import api, api_server, upstream, upstream_server
from tests.infra.app import App
from tests.infra.beside import app_beside
from tests.interop import installed
from tests.interop.programs import Programs
from tests.tool_api import ToolApi, reply
from tests.upstream import Upstream
from tests.workspace import Workspace, make_workspace, tool

__all__ = ["api", "api_server", "upstream", "upstream_server"]

INVOICE = {"id": "in_1Abc123XYZ", "amount_due": 4200, "status": "open", "customer_email": "jo@example.com"}


@pytest.fixture(scope="package")
def hooks() -> Iterator[ToolApi]:
    """Where the workspace's webhooks may lead; apart from the tools' API, whose requests are counted."""
    with tool_api.running() as receiver:
        yield receiver


@pytest.fixture(scope="package")
def app(migrated_dir: Path, api_server: ToolApi, hooks: ToolApi) -> Iterator[App]:
    """The app, for every file of this folder."""
    with app_beside(migrated_dir, api_server, TOOL_ALLOWED_HOSTS=f"{api_server.host},{hooks.host}") as running:
        yield running


@pytest.fixture(scope="package")
def workspace(app: App, upstream_server: Upstream, api_server: ToolApi) -> Iterator[Workspace]:
    """The workspace `acme`, its vault unlocked, with `get_invoice` and, for a person to approve, `refund`."""
    api_server.handle(f"/v1/invoices/{INVOICE['id']}", reply(INVOICE))
    made = make_workspace(app, "acme")
    made.use_upstream(upstream_server.url)
    made.put_secret()
    made.unlock()
    look_up = tool(api_server.url, result="{id: id, amount_due: amount_due, status: status}")
    refund = tool(api_server.url, "refund", request={"method": "POST", "idempotent": False}, approval="ask")
    made.load_tools(look_up, refund)
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
