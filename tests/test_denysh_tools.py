"""A tool call whose credential comes from a deny.sh server, which is this very app: another workspace of it."""

import json
from collections.abc import Iterator

import pytest

from tests import tool_api
from tests.denysh_cast import PASSWORD, put
from tests.infra.app import App
from tests.infra.beside import app_beside
from tests.tool_api import ToolApi, reply
from tests.upstream import Upstream, calls, text
from tests.workspace import SECRET, Workspace, make_workspace, tool

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def api() -> Iterator[ToolApi]:
    with tool_api.running() as api:
        api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
        yield api


@pytest.fixture(scope="module")
def app(migrated_dir, api: ToolApi) -> Iterator[App]:
    with app_beside(migrated_dir, api) as running:
        yield running


@pytest.fixture(scope="module")
def keeper(app: App) -> Workspace:
    """Whoever keeps the credential, as deny.sh would."""
    made = make_workspace(app, "keeper")
    put(made, "stripe-prod", SECRET)
    return made


@pytest.fixture(scope="module")
def workspace(app: App, keeper: Workspace, api: ToolApi) -> Iterator[Workspace]:
    """Its vault stays locked: nothing here is taken from it."""
    made = make_workspace(app, "acme")
    made.load_tools(tool(api.url))
    yield made
    made.close()


def outcome(workspace: Workspace, upstream: Upstream, *, key: str, password: str, url: str = "") -> dict:
    workspace.use_upstream(upstream.url)
    url = url or f"{workspace.app.url}/api"
    workspace.manage("denysh", "connect", workspace.slug, url, DENY_API_KEY=key, DENY_VAULT_PASSWORD=password)
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("Done."))
    response = workspace.client().responses.create(model="m", input="look up in_1")
    (made,) = [item for item in response.output if item.type == "mcp_call"]
    assert SECRET not in json.dumps(upstream.requests())
    assert SECRET not in workspace.app.log
    return json.loads(made.output or made.error["content"][0]["text"])


def test_the_worker_fetches_the_credential_for_one_call(
    workspace: Workspace, keeper: Workspace, upstream: Upstream, api: ToolApi
) -> None:
    assert outcome(workspace, upstream, key=keeper.key, password=PASSWORD) == {"id": "in_1", "status": "open"}
    assert [seen.headers["authorization"] for seen in api.requests] == [f"Bearer {SECRET}"]


def test_what_the_server_refuses_ends_in_the_tools_own_words(
    workspace: Workspace, keeper: Workspace, upstream: Upstream
) -> None:
    wrong_key = outcome(workspace, upstream, key="dw_nonsense", password=PASSWORD)
    assert wrong_key == {"error": "vault_locked", "status": 423}
    own_key = outcome(workspace, upstream, key=workspace.key, password=PASSWORD)
    assert own_key == {"error": "credential_not_found", "status": 404}
    away = outcome(workspace, upstream, key=keeper.key, password=PASSWORD, url="http://127.0.0.1:9/api")
    assert away == {"error": "upstream_error", "status": 502}


def test_after_disconnecting_the_vault_here_is_asked_again(
    workspace: Workspace, keeper: Workspace, upstream: Upstream
) -> None:
    workspace.use_upstream(upstream.url)
    workspace.manage("denysh", "disconnect", workspace.slug)
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("Done."))
    response = workspace.client().responses.create(model="m", input="look up in_1")
    (made,) = [item for item in response.output if item.type == "mcp_call"]
    assert json.loads(made.output) == {"error": "vault_locked", "status": 423}
