"""docs/clients/python.md: each program, with the openai SDK that the app itself has."""

import base64
import json
from pathlib import Path

import pytest

from tests.interop.conftest import INVOICE
from tests.interop.programs import Programs
from tests.tool_api import ToolApi, forward, reply
from tests.upstream import Upstream, calls, text, thinking
from tests.workspace import SECRET

pytestmark = pytest.mark.e2e
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def test_an_answer_whole(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello."))
    assert programs.python("One answer") == ["Hello."]


def test_an_answer_as_it_is_written(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello there.", deltas=4))
    said, tokens = programs.python("As it is written")
    assert said == "Hello there."
    assert tokens.endswith(" tokens")


def test_a_function_of_the_client_s(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(calls(("get_time", {"city": "Oslo"})), text("It is 12:30."))
    assert programs.python("A function of your own") == ["It is 12:30."]
    assert json.loads(upstream.bodies()[1]["input"][-1]["output"]) == {"city": "Oslo", "time": "12:30"}


def test_a_loop_that_keeps_its_items_itself(programs: Programs, upstream: Upstream) -> None:
    asked = thinking("Oslo, then.", then=calls(("get_time", {"city": "Oslo"})))
    upstream.queue(asked.but(seals=True), thinking("Ah.", then=text("It is 12:30.")))
    assert programs.python("Keeping the items yourself") == ["It is 12:30."]
    _, reasoning, call, output = upstream.bodies()[1]["input"]
    made, called = asked.output
    assert reasoning == {**made, "encrypted_content": "encrypted-by-the-upstream"}
    assert (call["id"], call["call_id"]) == (called["id"], called["call_id"])
    assert json.loads(output["output"]) == {"city": "Oslo", "time": "12:30"}


def test_a_tool_of_the_workspace(programs: Programs, upstream: Upstream, api: ToolApi) -> None:
    upstream.queue(calls(("get_invoice", {"id": INVOICE["id"]})), text("42.00 is open."))
    call, answer = programs.python("A tool of the workspace")
    assert call.startswith('get_invoice {"id": "in_1Abc123XYZ"} -> {"id":"in_1Abc123XYZ","amount_due":4200')
    assert answer == "42.00 is open."
    assert [seen.headers["authorization"] for seen in api.requests] == [f"Bearer {SECRET}"]
    assert SECRET not in call + json.dumps(upstream.requests())


def test_a_tool_that_asks(programs: Programs, upstream: Upstream, api: ToolApi) -> None:
    upstream.queue(calls(("refund", {"id": INVOICE["id"]})), text("Refunded."))
    (said,) = programs.python("A tool that asks", stdin="yes\n")
    assert said == 'refund {"id": "in_1Abc123XYZ"} (yes or no) Refunded.'
    assert [seen.method for seen in api.requests] == ["POST"]


def test_going_on(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello Ada."), text("Ada."))
    assert programs.python("Going on") == ["Ada."]
    body = upstream.bodies()[1]
    assert [item["content"][0]["text"] for item in body["input"]] == [
        "My name is Ada.",
        "Hello Ada.",
        "What is my name?",
    ]
    assert body["instructions"] == "Be brief."


def test_a_conversation(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Ada."))
    answer, *items = programs.python("A conversation")
    assert answer == "Ada."
    assert items == ["message My name is Ada.", "message What is my name?", "message Ada."]


def test_structured_output(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text(json.dumps({"name": "tea", "people": ["Ada", "Bob"]})))
    assert programs.python("Structured output") == ["tea with Ada and Bob"]
    assert upstream.bodies()[0]["text"]["format"]["type"] == "json_schema"


def test_a_picture_goes_up_as_it_came(programs: Programs, upstream: Upstream, tmp_path: Path) -> None:
    upstream.queue(text("One pixel."))
    (tmp_path / "pixel.png").write_bytes(PIXEL)
    assert programs.python("A picture", "pixel.png") == ["One pixel."]
    sent = upstream.bodies()[0]["input"][0]["content"][1]["image_url"]
    assert base64.b64decode(sent.removeprefix("data:image/png;base64,")) == PIXEL


def test_errors_are_the_sdk_s_exceptions(programs: Programs, upstream: Upstream) -> None:
    assert programs.python("What goes wrong") == [
        "404 not_found",
        "400 previous_response_not_found previous_response_id",
        "401 invalid_api_key",
    ]


def test_in_the_background_polled_and_taken_up_again(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("First thought."), text("Second thought.", deltas=3, delay=0.1))
    assert programs.python("In the background") == ["completed First thought.", "Second thought."]


def test_told_by_a_webhook(programs: Programs, upstream: Upstream, hooks: ToolApi) -> None:
    upstream.queue(text("I thought."))
    secret = programs.workspace.add_webhook(f"{hooks.url}/hook", "response.completed")
    with programs.started("Told by a webhook", OPENAI_WEBHOOK_SECRET=secret, PORT="0") as running:
        first = running.stdout.readline()
        # The app may post to this stub alone, whose port was known when it started.
        hooks.handle("/hook", forward(f"http://127.0.0.1:{first.split()[-1]}/hook"))
        said, _ = running.communicate(timeout=60)
    hooks.handle("/hook", reply({}))
    assert running.returncode == 0
    assert said == "I thought.\n"


def test_over_a_websocket(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello Ada."), text("Ada."))
    assert programs.python("Over a WebSocket") == ["Hello Ada.", "Ada."]
    assert len(upstream.bodies()[1]["input"]) == 3
