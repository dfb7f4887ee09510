"""docs/clients/node.md: each program, with openai and the AI SDK as npm has them."""

import json

import pytest

from tests.interop.conftest import INVOICE
from tests.interop.programs import Programs
from tests.tool_api import ToolApi
from tests.upstream import Upstream, calls, text
from tests.workspace import SECRET

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.usefixtures("clients")]
EVENT = json.dumps({"name": "tea", "people": ["Ada", "Bob"]})
BOTH = calls(("get_invoice", {"id": INVOICE["id"]}), ("get_time", {"city": "Oslo"}))
NARROWED = {field: INVOICE[field] for field in ("id", "amount_due", "status")}


def outputs(upstream: Upstream) -> list[dict[str, object]]:
    """What the calls of the first step gave, as the second step's context has it, sorted by their fields."""
    made = [item["output"] for item in upstream.bodies()[1]["input"] if item["type"] == "function_call_output"]
    return sorted((json.loads(output) for output in made), key=len)


def test_openai_whole_and_as_it_is_written(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello."), text("Hello again.", deltas=3))
    assert programs.typescript("An answer, whole and as it is written") == ["Hello.", "Hello again."]
    assert len(upstream.bodies()[1]["input"]) == 3


def test_openai_runs_its_function_and_the_server_its_tool(programs: Programs, upstream: Upstream, api: ToolApi) -> None:
    upstream.queue(BOTH, text("42.00 is open."))
    call, answer = programs.typescript("A function of your own, and a tool of the workspace")
    assert json.loads(call.partition(" -> ")[2]) == NARROWED
    assert answer == "42.00 is open."
    assert outputs(upstream) == [{"city": "Oslo", "time": "12:30"}, NARROWED]
    assert SECRET not in json.dumps(upstream.requests())


def test_openai_s_structured_output_and_errors(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text(EVENT))
    said = programs.typescript("Structured output and errors")
    assert said == ["tea Ada and Bob", "404 not_found", "401 invalid_api_key"]


def test_openai_over_a_websocket(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello there.", deltas=3))
    assert programs.typescript("Over a WebSocket") == ["Hello there."]


def test_the_ai_sdk_whole_and_as_it_is_written(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello."), text("Hello again.", deltas=3))
    whole, streamed = programs.typescript("Vercel's AI SDK")
    assert whole.startswith("Hello. ")
    assert whole.endswith(" tokens")
    assert streamed == "Hello again."


def test_the_ai_sdk_runs_its_tool_and_shows_the_server_s(programs: Programs, upstream: Upstream, api: ToolApi) -> None:
    upstream.queue(BOTH, text("42.00 is open."))
    *results, answer = programs.typescript("Tools in the AI SDK")
    shown = dict(result.split(" -> ") for result in results)
    assert json.loads(shown["get_time"]) == {"city": "Oslo", "time": "12:30"}
    assert json.loads(json.loads(shown["mcp.get_invoice"])["output"]) == NARROWED
    assert answer == "42.00 is open."
    assert outputs(upstream) == [{"city": "Oslo", "time": "12:30"}, NARROWED]


def test_the_ai_sdk_answers_a_tool_that_asks(programs: Programs, upstream: Upstream, api: ToolApi) -> None:
    upstream.queue(calls(("refund", {"id": INVOICE["id"]})), text("Refunded."))
    asked, answer = programs.typescript("A tool that asks, in the AI SDK")
    assert asked == 'approving mcp.refund {"id":"in_1Abc123XYZ"}'
    assert answer == "Refunded."
    assert [seen.method for seen in api.requests] == ["POST"]


def test_the_ai_sdk_s_structured_output(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text(EVENT))
    assert programs.typescript("Structured output in the AI SDK") == ["tea Ada and Bob"]
