"""The 17 checks of the public Open Responses suite, against the running app: once over a scripted upstream, once over
the offline demo's model. Every response object and every event is held against the specification's schema.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openresponses_types import types

from tests.infra.app import App
from tests.infra.beside import app_beside
from tests.open_responses import Api, Told
from tests.tool_api import ToolApi
from tests.upstream import Step, Upstream, calls, items, text
from tests.workspace import Workspace, make_workspace

pytestmark = pytest.mark.e2e
Json = dict[str, Any]
Queue = Callable[..., None]
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city, e.g. San Francisco, CA"}},
        "required": ["location"],
    },
}
# One red pixel.
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


@pytest.fixture(scope="module")
def app(migrated_dir: Path, api_server: ToolApi) -> Iterator[App]:
    """The app with the demo."""
    with app_beside(migrated_dir, api_server, DEMO="1") as running:
        yield running


@pytest.fixture(scope="module")
def demo_workspace(app: App) -> Iterator[Workspace]:
    """A workspace whose model is the offline demo's."""
    made = make_workspace(app, "offline")
    yield made
    made.close()


@pytest.fixture(params=["scripted", "demo"])
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def api(source: str, workspace: Workspace, demo_workspace: Workspace) -> Api:
    chosen = workspace if source == "scripted" else demo_workspace
    return Api(chosen.app.url, chosen.key)


@pytest.fixture
def queue(source: str, upstream: Upstream) -> Queue:
    """Queues the scripted upstream's steps; the demo's model answers by itself."""
    return upstream.queue if source == "scripted" else lambda *_: None


def message(role: str, content: Any, **more: Any) -> Json:
    return {"type": "message", "role": role, "content": content, **more}


def said(step: str, **more: Any) -> Step:
    return text(step, **more)


def test_basic_response(api: Api, queue: Queue) -> None:
    queue(said("Hello to you."))
    api.create(model="m", input=[message("user", "Say hello in exactly 3 words.")])


def test_phase_is_accepted(api: Api, queue: Queue, source: str, upstream: Upstream) -> None:
    queue(said("four"))
    history = [
        message("assistant", "I should answer with the saved number.", phase="commentary"),
        message("assistant", "The number is four.", phase="final_answer"),
    ]
    api.create(model="m", input=[*history, message("user", "Repeat only the number.")])
    if source == "scripted":
        assert [item.get("phase") for item in upstream.bodies()[0]["input"]] == ["commentary", "final_answer", None]


def test_phase_comes_out(workspace: Workspace, upstream: Upstream) -> None:
    step = items(*(_phased(each) for each in ("commentary", "final_answer")))
    upstream.queue(step, step)
    api = Api(workspace.app.url, workspace.key)
    whole = api.create(model="m", input="How many?")
    streamed = api.stream(model="m", input="How many?").completed
    for made in (whole, streamed):
        assert [item["phase"] for item in made["output"]] == ["commentary", "final_answer"]


def _phased(phase: str) -> Json:
    made: Json = {**text("Four.").output[0], "phase": phase}
    return made


def test_streaming_response(api: Api, queue: Queue) -> None:
    queue(said("1 2 3 4 5"))
    told = api.stream(model="m", input=[message("user", "Count from 1 to 5.")])
    deltas = [event["delta"] for event in told.events if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == told.completed["output"][-1]["content"][0]["text"]


def test_system_prompt(api: Api, queue: Queue) -> None:
    queue(said("Ahoy."))
    prompt = message("system", "You are a pirate. Always respond in pirate speak.")
    api.create(model="m", input=[prompt, message("user", "Say hello.")])


def test_tool_call(api: Api, queue: Queue) -> None:
    queue(calls(("get_weather", {"location": "San Francisco, CA"})))
    made = api.create(model="m", input=[message("user", "What's the weather like in San Francisco?")], tools=[WEATHER])
    call = next(item for item in made["output"] if item["type"] == "function_call")
    assert call["name"] == "get_weather"
    assert "San Francisco" in json.loads(call["arguments"])["location"]


def test_image_input(api: Api, queue: Queue, source: str, upstream: Upstream) -> None:
    queue(said("A red pixel."))
    parts = [
        {"type": "input_text", "text": "What do you see in this image? Answer in one sentence."},
        {"type": "input_image", "image_url": PNG},
    ]
    api.create(model="m", input=[message("user", parts)])
    if source == "scripted":
        assert upstream.bodies()[0]["input"][0]["content"] == parts


def test_multi_turn(api: Api, queue: Queue) -> None:
    queue(said("Alice."))
    history = [message("user", "My name is Alice."), message("assistant", "Hello Alice. How can I help you today?")]
    api.create(model="m", input=[*history, message("user", "What is my name?")])


def test_compact(api: Api, queue: Queue) -> None:
    queue(said("Launch on Tuesday; support first."))
    history = [
        message("user", "We agreed to launch on Tuesday and notify support first."),
        message("assistant", "Understood. The launch is Tuesday, with support notified beforehand."),
    ]
    body = {"model": "m", "prompt_cache_key": "openresponses-compact-test", "input": history}
    status, compacted = api.post("/responses/compact", **body)
    assert status == 200, compacted
    types.CompactResource.model_validate(compacted)
    assert "compaction" in [item["type"] for item in compacted["output"]]


def test_compact_without_a_model_is_refused(api: Api) -> None:
    status, answer = api.post("/responses/compact", input=[message("user", "Compact this conversation.")])
    assert status == 400
    assert answer["error"]["param"] == "model"


# --- over WebSocket ---------------------------------------------------------------------------------------------


def unstored(**more: Any) -> Json:
    return {"model": "m", "store": False, **more}


def test_socket_response(api: Api, queue: Queue) -> None:
    queue(said("1 2 3"))
    with api.socket() as socket:
        assert socket.create(model="m", input=[message("user", "Count from 1 to 3.")]).completed


def test_socket_sequential_responses(api: Api, queue: Queue) -> None:
    queue(said("first"), said("second"))
    with api.socket() as socket:
        for word in ("first", "second"):
            assert socket.create(**unstored(input=f"Reply with exactly: {word}")).completed


def test_socket_continuation(api: Api, queue: Queue, source: str, upstream: Upstream) -> None:
    queue(said("OK"), said("cobalt"))
    with api.socket() as socket:
        first = socket.create(**unstored(input="Remember the code word: cobalt. Reply with OK.")).completed
        ask = "What is the code word? Reply with only the code word."
        second = socket.create(**unstored(input=ask, previous_response_id=first["id"])).completed
    assert second["previous_response_id"] == first["id"]
    if source == "scripted":
        assert len(upstream.bodies()[1]["input"]) == 3


def test_socket_reconnect_recovery(api: Api, queue: Queue) -> None:
    queue(said("OK"), said("recovered"))
    with api.socket() as socket:
        first = socket.create(**unstored(input="Remember the code word: copper. Reply with OK.")).completed
    with api.socket() as socket:
        lost = socket.create(**unstored(input="Try to continue.", previous_response_id=first["id"]))
        assert (lost.error, lost.events[0]["status"]) == ("previous_response_not_found", 400)
        assert socket.create(**unstored(input=[message("user", "Reply with exactly: recovered")])).completed


def test_socket_missing_previous_response(api: Api) -> None:
    with api.socket() as socket:
        told = socket.create(**unstored(input="This should fail.", previous_response_id="resp_missing_1764967971"))
    assert told.error == "previous_response_not_found"


def test_socket_failed_continuation_evicts_the_cache(api: Api, queue: Queue) -> None:
    queue(said("OK"))
    orphan = {"type": "function_call_output", "call_id": "call_missing", "output": "No such call was made."}
    with api.socket() as socket:
        first = socket.create(**unstored(input="Remember the code word: ember. Reply with OK.")).completed
        failed = socket.create(**unstored(input=[orphan], previous_response_id=first["id"]))
        assert failed.error == "tool_call_not_found"
        again = socket.create(**unstored(input="Reply with exactly: stale", previous_response_id=first["id"]))
    assert again.error == "previous_response_not_found"


def test_socket_compact_then_a_new_chain(api: Api, queue: Queue) -> None:
    queue(said("The code word is slate."), said("compacted"))
    history = [
        message("user", [{"type": "input_text", "text": "Remember the compaction code word: slate."}]),
        message("assistant", [{"type": "output_text", "text": "OK."}]),
        message("user", [{"type": "input_text", "text": "Compress this conversation for later continuation."}]),
    ]
    status, compacted = api.post("/responses/compact", model="m", input=history)
    assert status == 200, compacted
    ask = message("user", "Continue from here. Reply with exactly: compacted")
    with api.socket() as socket:
        told: Told = socket.create(**unstored(input=[*compacted["output"], ask], tools=[]))
    assert told.completed["previous_response_id"] is None
