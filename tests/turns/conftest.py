"""One running app, one scripted upstream, one tool API and one workspace for all of it."""

import pytest

from tests.acme import acme, api, api_server, app, other_workspace, upstream, upstream_server, workspace
from tests.tool_api import ToolApi, reply
from tests.turns.decisions import INVOICE
from tests.workspace import Workspace, tool

__all__ = ["acme", "api", "api_server", "app", "other_workspace", "upstream", "upstream_server", "workspace"]


@pytest.fixture
def asking(workspace: Workspace, api: ToolApi) -> None:
    """`refund` asks, `get_invoice` does not."""
    api.handle("/v1/invoices/in_1", reply(INVOICE))
    api.handle("/v1/invoices/in_2", reply(INVOICE | {"id": "in_2"}))
    refund = tool(api.url, "refund", request={"method": "POST", "idempotent": False}, approval="ask")
    workspace.load_tools(tool(api.url), refund)
