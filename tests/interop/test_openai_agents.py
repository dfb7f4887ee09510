"""docs/clients/agents.md: each program, with openai-agents as it comes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tool_api
from tests.intercepted import played
from tests.interop.conftest import INVOICE
from tests.interop.programs import Programs
from tests.tool_api import ToolApi, reply
from tests.upstream import Upstream, calls, text
from tests.workspace import SECRET

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.usefixtures("clients")]
PAGE = "agents"
UNTRACED = {"OPENAI_AGENTS_DISABLE_TRACING": "1"}


@pytest.fixture
def openai_s_host(tmp_path: Path) -> Iterator[tuple[ToolApi, dict[str, str]]]:
    """A stub of where traces go, and the environment that leads there."""
    with tool_api.running() as elsewhere, played("api.openai.com", elsewhere, tmp_path) as internet:
        elsewhere.handle("/v1/traces/ingest", reply({}))
        yield elsewhere, internet


def test_an_agent_calls_a_function_of_its_own_and_traces_go_to_openai_with_the_key(
    programs: Programs, upstream: Upstream, openai_s_host: tuple[ToolApi, dict[str, str]]
) -> None:
    elsewhere, internet = openai_s_host
    upstream.queue(calls(("get_time", {"city": "Oslo"})), text("It is 12:30."))
    assert programs.python("An agent with a function of yours", page=PAGE, **internet) == ["It is 12:30."]
    first, second = upstream.bodies()
    assert first["instructions"] == second["instructions"] == "Be brief."
    assert second["input"][-1]["output"] == "12:30"
    assert {seen.headers["authorization"] for seen in elsewhere.requests} == {f"Bearer {programs.workspace.key}"}
    assert b"Oslo" in b"".join(seen.body for seen in elsewhere.requests)


def test_the_runner_leaves_the_workspace_s_tools_to_the_server_and_untraced_tells_nobody(
    programs: Programs, upstream: Upstream, api: ToolApi, openai_s_host: tuple[ToolApi, dict[str, str]]
) -> None:
    elsewhere, internet = openai_s_host
    upstream.queue(calls(("get_invoice", {"id": INVOICE["id"]})), text("42.00 is open."))
    call, answer = programs.python("The workspace's tools", page=PAGE, **internet, **UNTRACED)
    assert json.loads(call.removeprefix("get_invoice -> ")) == {
        field: INVOICE[field] for field in ("id", "amount_due", "status")
    }
    assert answer == "42.00 is open."
    assert len(api.requests) == 1
    assert SECRET not in json.dumps(upstream.requests())
    assert not elsewhere.requests


def test_a_tool_that_asks(programs: Programs, upstream: Upstream, api: ToolApi) -> None:
    upstream.queue(calls(("refund", {"id": INVOICE["id"]})), text("Refunded."))
    (said,) = programs.python("A tool that asks", page=PAGE, stdin="yes\n", **UNTRACED)
    assert said == 'refund {"id": "in_1Abc123XYZ"} (yes or no) Refunded.'
    assert [seen.method for seen in api.requests] == ["POST"]


def test_over_a_websocket(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(calls(("get_invoice", {"id": INVOICE["id"]})), text("42.00 is open."))
    assert programs.python("Over a WebSocket", page=PAGE, **UNTRACED) == ["42.00 is open."]


def test_a_streamed_run_hands_over(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(calls(("transfer_to_billing", {})), text("Billing here.", deltas=3))
    said = programs.python("As it is written, with hand-offs", page=PAGE, **UNTRACED)
    assert said == ["now: Desk", "now: Billing", "Billing here."]


def test_runs_go_on_by_id_and_by_conversation(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello Ada."), text("Hello again, Ada."), text("Hello Ada."), text('{"name": "Ada"}'))
    assert programs.python("Turns that go on", page=PAGE, **UNTRACED) == ["Hello again, Ada.", "Ada"]
    assert [len(body["input"]) for body in upstream.bodies()] == [1, 3, 1, 3]
