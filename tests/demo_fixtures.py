"""The demo app on a port of its own, and ways to talk to it. Test modules name this in `pytest_plugins`."""

import json
import re
import socket
import threading
from typing import Any

import httpx2
import pytest
import uvicorn

from chat.demo.app import create_application
from tests.demo_client import EVERY_TOOL, Json, said_in
from tests.upstream.shapes import check_response, check_stream
from tests.upstream.sse import events


@pytest.fixture(scope="module")
def demo():
    """The demo app without delays, on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(create_application(word_delay=0), log_level="error", lifespan="off"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    with httpx2.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
        yield client
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def ask(demo):
    """The finished response to an input, checked against the SDK's types in both of its forms."""

    def ask(said: str | list[Json], **more: Any) -> Json:
        body = {"model": "anything", "input": said, **more}
        whole = demo.post("/v1/responses", json=body)
        assert whole.status_code == 200, whole.text
        check_response(whole.json())
        streamed = check_stream(events(demo.post("/v1/responses", json={**body, "stream": True}).content))
        same = re.compile(r'"(id|call_id|created_at|completed_at)": *("[^"]*"|\d+)')
        assert same.sub("", json.dumps(streamed["output"])) == same.sub("", json.dumps(whole.json()["output"]))
        return whole.json()

    return ask


@pytest.fixture
def say(ask):
    """What the model says to an input."""
    return lambda said, **more: said_in(ask(said, **more))


@pytest.fixture
def called(ask):
    """What the model calls for an input: names and arguments."""

    def called(said: str | list[Json], tools: list[Json] | None = None, **more: Any) -> list[tuple[str, Json]]:
        output = ask(said, tools=EVERY_TOOL if tools is None else tools, **more)["output"]
        found = [item for item in output if item["type"] == "function_call"]
        return [(item["name"], json.loads(item["arguments"])) for item in found]

    return called
