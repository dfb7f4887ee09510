"""One running app for all promises but the first, whose app logs everything and is searched whole."""

from collections.abc import Iterator

import pytest

from tests.acme import acme, api, api_server, app, other_workspace, upstream, upstream_server, workspace
from tests.promises import database, visitor
from tests.workspace import Workspace

__all__ = ["acme", "api", "api_server", "app", "other_workspace", "upstream", "upstream_server", "workspace"]


@pytest.fixture(autouse=True)
def _connections_closed() -> Iterator[None]:
    yield
    visitor.close_all()


@pytest.fixture
def settled(workspace: Workspace) -> Iterator[None]:
    """After the test no turn, call or conversation is left open in the database."""
    yield
    database.wait_settled(workspace.app)
