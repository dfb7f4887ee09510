"""docs/clients/denysh.md: deny.sh's own loop in both languages, moved here by environment variables alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import tool_api
from tests.denysh_cast import PASSWORD, put
from tests.intercepted import played
from tests.interop.conftest import INVOICE
from tests.interop.programs import Programs
from tests.tool_api import ToolApi, reply
from tests.upstream import Upstream, calls, text
from tests.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.usefixtures("clients", "_items")]
SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


@pytest.fixture(scope="module")
def _items(workspace: Workspace) -> None:
    for value in ("sk_live_an_older_value", SECRET):  # the newest of a label counts
        put(workspace, "stripe-prod", value)


@pytest.fixture
def stripe() -> Iterator[ToolApi]:
    with tool_api.running() as api:
        yield api


@contextmanager
def moved_here(programs: Programs, stripe: ToolApi, folder: Path) -> Iterator[dict[str, str]]:
    """The variables of the page, and Stripe's host as the stub."""
    workspace = programs.workspace
    with played("api.stripe.com", stripe, folder) as internet:
        trusted = internet["SSL_CERT_FILE"]
        yield {
            "DENY_API_URL": f"{workspace.app.url}/api",
            "DENY_API_KEY": workspace.key,
            "VAULT_PW": PASSWORD,
            "REQUESTS_CA_BUNDLE": trusted,
            "NODE_EXTRA_CA_CERTS": trusted,
        } | internet


@pytest.mark.parametrize("language", ["python", "typescript"])
@pytest.mark.parametrize("found", [True, False], ids=["found", "missing"])
def test_the_loop_runs_here_with_nothing_but_its_environment_changed(
    programs: Programs, upstream: Upstream, stripe: ToolApi, tmp_path: Path, language: str, found: bool
) -> None:
    upstream.queue(calls(("get_invoice", {"id": "in_1Abc123XYZ"})), text("42.00 is open."))
    if found:
        stripe.handle("/v1/invoices/in_1Abc123XYZ", reply(INVOICE))
    with moved_here(programs, stripe, tmp_path) as env:
        if language == "python":
            said = programs.python("In Python", page="denysh", **env)
        else:
            said = programs.typescript("In TypeScript", page="denysh", **env)
    assert said == ["42.00 is open."]
    assert [seen.headers["authorization"] for seen in stripe.requests] == [f"Bearer {SECRET}"]
    output = json.loads(upstream.bodies()[1]["input"][-1]["output"])
    expected = {field: INVOICE[field] for field in ("id", "amount_due", "status")}
    assert output == (expected if found else {"error": "invoice_lookup_failed", "status": 404})
    assert SECRET not in json.dumps(upstream.requests())
