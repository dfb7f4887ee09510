"""A tool loop as deny.sh's guide for the Responses API describes it, moved here by environment variables alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tool_api
from tests.denysh_cast import PASSWORD, put, run_client
from tests.infra.app import App
from tests.intercepted import played
from tests.tool_api import ToolApi, reply
from tests.upstream import Upstream, calls, text
from tests.workspace import Workspace, make_workspace

pytestmark = pytest.mark.e2e
SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
INVOICE = {"id": "in_1Abc123XYZ", "amount_due": 4200, "status": "open", "customer_email": "jo@example.com"}

# Nothing in it knows of deny_web. The names of the model, the tool and the label are those of the guide.
LOOP = """
import json, os, urllib.error, urllib.request
from deny_sh import vault_get
from openai import OpenAI

openai = OpenAI()
schema = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"], "additionalProperties": False}
tools = [{"type": "function", "name": "get_invoice", "description": "Look up a Stripe invoice", "parameters": schema}]

def get_invoice(id):
    secret = vault_get("stripe-prod", os.environ["VAULT_PW"])
    request = urllib.request.Request("https://api.stripe.com/v1/invoices/" + id)
    request.add_header("Authorization", "Bearer " + secret)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        return {"error": "invoice_lookup_failed", "status": error.code}
    return {field: found.get(field) for field in ("id", "amount_due", "status")}

response = openai.responses.create(model="gpt-5.5", input="Look up invoice in_1Abc123XYZ", tools=tools)
while made := [item for item in response.output if item.type == "function_call"]:
    outputs = [
        {"type": "function_call_output", "call_id": call.call_id,
         "output": json.dumps(get_invoice(**json.loads(call.arguments)))}
        for call in made
    ]
    response = openai.responses.create(
        model="gpt-5.5", previous_response_id=response.id, input=outputs, tools=tools
    )
print(response.output_text)
openai.close()
"""


@pytest.fixture(scope="module")
def workspace(app: App) -> Iterator[Workspace]:
    made = make_workspace(app, "acme")
    put(made, "stripe-prod", SECRET)
    yield made
    made.close()


@pytest.fixture
def stripe() -> Iterator[ToolApi]:
    with tool_api.running() as api:
        yield api


@pytest.mark.parametrize("found", [True, False])
def test_the_loop_runs_here_with_nothing_but_its_environment_changed(
    workspace: Workspace, upstream: Upstream, stripe: ToolApi, tmp_path: Path, found: bool
) -> None:
    workspace.use_upstream(upstream.url)
    upstream.queue(calls(("get_invoice", {"id": "in_1Abc123XYZ"})), text("42.00 is open."))
    if found:
        stripe.handle("/v1/invoices/in_1Abc123XYZ", reply(INVOICE))
    with played("api.stripe.com", stripe, tmp_path) as internet:
        done = run_client(
            workspace,
            LOOP,
            OPENAI_BASE_URL=f"{workspace.app.url}/v1",
            OPENAI_API_KEY=workspace.key,
            VAULT_PW=PASSWORD,
            **internet,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "42.00 is open."
    assert [seen.headers["authorization"] for seen in stripe.requests] == [f"Bearer {SECRET}"]
    output = json.loads(upstream.bodies()[1]["input"][-1]["output"])
    expected = {"id": "in_1Abc123XYZ", "amount_due": 4200, "status": "open"}
    assert output == (expected if found else {"error": "invoice_lookup_failed", "status": 404})
    assert SECRET not in json.dumps(upstream.requests())
