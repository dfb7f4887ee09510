"""Where the audit row cannot be written, the credential is not used, shown or changed."""

import json

import pytest

from tests.promises import database, people
from tests.tool_api import reply
from tests.upstream import calls, text
from tests.workspace import SECRET, VAULT_PASSWORD, Workspace, tool

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("when", ["1", "NEW.verb = 'tool.call'"], ids=["no row at all", "no row of the call"])
@pytest.mark.usefixtures("settled")
def test_a_tool_is_not_called_and_the_model_is_told(workspace: Workspace, upstream, api, app, when: str) -> None:
    api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("I could not."))
    with database.refusing(app, "tenants_auditrow", when):
        response = workspace.client().responses.create(model="m", input="look up in_1")
    assert api.requests == []
    assert json.loads(response.output[0].output)["error"] == "denied"
    assert "denied" in json.dumps(upstream.bodies()[1])
    assert response.status == "completed"
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("It is open."))
    response = workspace.client().responses.create(model="m", input="look up in_1")
    assert json.loads(response.output[0].output) == {"id": "in_1", "status": "open"}
    assert len(api.requests) == 1  # the control: only the missing row had stopped it


@pytest.mark.usefixtures("settled")
def test_the_console_s_try_is_refused_as_well(workspace: Workspace, api, app) -> None:
    api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    workspace.load_tools(tool(api.url))
    owner = people.owner(workspace)
    with database.refusing(app, "tenants_auditrow"):
        answer = owner.post(f"/t/{workspace.slug}/console/tools/named/get_invoice/", args='{"id": "in_1"}')
        database.wait_settled(app, 20)
    assert api.requests == []
    assert answer.status == 302
    (result,) = database.query(app, "SELECT result FROM chat_toolcall ORDER BY created_at DESC LIMIT 1")[0]
    assert json.loads(json.loads(result)["output"])["error"] == "denied"


def test_nothing_is_shown_or_written_by_command(workspace: Workspace, app) -> None:
    before = database.query(app, "SELECT label, version, sealed FROM vault_vaultentry ORDER BY label")
    with database.refusing(app, "tenants_auditrow"):
        for act, given in (("get", ""), ("put", "another value"), ("rotate", "another value"), ("delete", "")):
            done = app.manage(
                *("vault", act, workspace.slug, "stripe-prod"),
                stdin=given,
                check=False,
                env={"VAULT_PASSWORD": VAULT_PASSWORD},
            )
            assert done.returncode != 0, act
            assert SECRET not in done.stdout + done.stderr
    assert database.query(app, "SELECT label, version, sealed FROM vault_vaultentry ORDER BY label") == before
    assert workspace.manage("vault", "get", workspace.slug, "stripe-prod") == SECRET
