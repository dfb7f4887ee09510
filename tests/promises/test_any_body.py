"""Any body on any route that takes one, and any message on the socket: an answer or a 4xx, never a 500, never silence.

Good requests with each field spoilt and changed at random places, any JSON, and texts that are hardly JSON; over HTTP,
as a stream, in the background and over the socket.
"""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from chat.doors.http import routes, wrong_method
from tests import bodies
from tests.promises import database
from tests.promises.visitor import Answer, Wire
from tests.tool_api import reply
from tests.upstream import text
from tests.workspace import Workspace, tool

pytestmark = pytest.mark.e2e
PATHS = sorted(
    route.path for route in routes if route.endpoint is not wrong_method and "POST" in (route.methods or ())
    and "rest" not in route.path
)  # fmt: skip
GOOD: dict[str, dict[str, Any]] = {
    "/responses": bodies.CREATE,
    "/responses/compact": bodies.CREATE,
    "/responses/input_tokens": bodies.CREATE,
    "/responses/{response_id}/cancel": {},
    "/responses/{response_id}/approvals": {"approval_request_id": "mcpr_1", "approve": True, "reason": "why"},
    "/conversations": {"items": bodies.ITEMS, "metadata": {"a": "b"}},
    "/conversations/{conversation_id}": {"metadata": {"a": "b"}},
    "/conversations/{conversation_id}/items": {"items": bodies.ITEMS},
}
MESSAGES: list[dict[str, Any]] = [
    {"type": "response.create", **bodies.CREATE},
    {"type": "deny_web:follow", "response_id": "resp_1", "starting_after": 3},
    {"type": "response.steer", "previous_response_id": "resp_1", "input": bodies.ITEMS},
    {"type": "deny_web:stop", "response_id": "resp_1"},
    {"type": "deny_web:approve", "approval_request_id": "mcpr_1", "approve": True},
]
HARDLY: list[bytes] = [
    b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"input": NaN}', b'{"input": Infinity}',
    b'{"input": 1e999}', b'{"max_output_tokens": ' + b"9" * 5000 + b"}", b'{"input": "\\ud800"}',
    b'{"input": "\\u0000"}', b'{"\\u0000": 1}',
    b'{"input": "' + b"\\\\u0000" * 3 + b'"}', b'{"input": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"input": ' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"metadata": ' + b'{"a":' * 230 + b"1" + b"}" * 230 + b"}",
    b'{"input": [], "input": 7}', b'{"input":"' + b"x" * 300_000 + b'"}', b'{"model": "' + b"m" * 100_000 + b'"}',
    b'{"text": ' + b'{"a":' * 190 + b"1" + b"}" * 190 + b', "input": "x"}',
]  # fmt: skip
QUICK = settings(
    max_examples=120,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Ground:
    """A workspace with a response and a conversation of its own, and a connection to it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        client = workspace.client()
        self.ids = {
            "response_id": client.responses.create(model="m", input="hi").id,
            "conversation_id": client.conversations.create().id,
        }
        workspace.close()
        self.wire = Wire(workspace.app)
        self.tries = 0

    def post(self, path: str, body: bytes) -> Answer:
        self.tries += 1
        headers = {"Authorization": f"Bearer {self.workspace.key}", "Content-Type": "application/json"}
        return self.wire.ask("POST", "/v1" + re.sub(r"\{(\w+)\}", lambda name: self.ids[name[1]], path), headers, body)


@pytest.fixture(scope="module")
def ground(acme: Workspace, upstream_server, api_server) -> Iterator[Ground]:
    upstream_server.reset()
    upstream_server.queue(text("Fine.", times=0))
    api_server.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    acme.load_tools(tool(api_server.url))
    made = Ground(acme)
    with closing(made.wire):
        yield made
    upstream_server.reset()


def check(told: Answer, sent: object) -> None:
    """An answer of the API: a success, or a refusal in its one shape."""
    if told.status < 300:
        assert b"server_error" not in told.body, (sent, told.body[-600:])
        return
    assert 400 <= told.status < 500, (sent, told.status, told.body[:600])
    error = json.loads(told.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}, error
    assert error["message"]


def test_every_route_is_asked() -> None:
    assert set(PATHS) == set(GOOD)


@pytest.mark.parametrize("path", PATHS)
def test_what_is_hardly_json(path: str, ground: Ground) -> None:
    for body in HARDLY:
        check(ground.post(path, body), (path, body[:60]))


@pytest.mark.parametrize("path", [path for path in PATHS if GOOD[path]])
def test_a_good_body_changed_anywhere(path: str, ground: Ground) -> None:
    @QUICK
    @given(bodies.changed(GOOD[path]))
    def ask(body: Any) -> None:
        check(ground.post(path, json.dumps(body).encode()), (path, body))

    ask()


@pytest.mark.parametrize("path", [path for path in PATHS if {"input", "items"} & GOOD[path].keys()])
def test_every_field_of_every_item_spoilt(path: str, ground: Ground) -> None:
    name = "items" if "items" in GOOD[path] else "input"
    for item in bodies.spoilt([*bodies.ITEMS, *bodies.REFUSED]):
        body = {"model": "m", "store": False, name: [{"role": "user", "content": "hi"}, item]}
        check(ground.post(path, json.dumps(body).encode()), (path, item))


@pytest.mark.parametrize("path", ["/responses", "/responses/input_tokens"])
def test_every_field_of_every_tool_spoilt(path: str, ground: Ground) -> None:
    for one in bodies.spoilt(bodies.TOOLS):
        body = {"model": "m", "store": False, "input": "hi", "tools": [one]}
        check(ground.post(path, json.dumps(body).encode()), (path, one))
    for one in bodies.spoilt([bodies.CREATE]):
        check(ground.post(path, json.dumps({**one, "input": "hi"}).encode()), (path, one))


@pytest.mark.parametrize("path", PATHS)
def test_any_json(path: str, ground: Ground) -> None:
    @settings(QUICK, max_examples=60)
    @given(bodies.ANY | st.dictionaries(bodies.KEYS, bodies.ANY, max_size=6))
    def ask(body: Any) -> None:
        check(ground.post(path, json.dumps(body).encode()), (path, body))

    ask()


@pytest.mark.parametrize("more", [{"stream": True}, {"background": True, "store": True}, {"store": True}], ids=str)
def test_a_changed_body_told_in_other_ways(more: dict[str, Any], ground: Ground) -> None:
    @settings(QUICK, max_examples=40)
    @given(bodies.changed(bodies.CREATE))
    def ask(body: Any) -> None:
        check(ground.post("/responses", json.dumps({**body, **more}).encode()), (more, body))

    ask()


def test_any_message_of_the_socket(ground: Ground) -> None:
    headers = {"Authorization": f"Bearer {ground.workspace.key}"}
    address = f"ws://{urlsplit(ground.workspace.app.url).netloc}/v1/responses"
    with connect(address, additional_headers=headers, max_size=None) as opened:

        def ask(message: str) -> None:
            """Then a ping: whatever came before it, the socket answers."""
            opened.send(message)
            opened.send('{"type": "deny_web:ping"}')
            while True:
                told = json.loads(opened.recv(timeout=30))
                assert told.get("status", 400) < 500, (message, told)
                if told["type"] == "deny_web:pong":
                    return

        for body in HARDLY:
            try:
                ask(body.decode())
            except UnicodeDecodeError:
                continue  # no text frame says this

        @QUICK
        @given(st.sampled_from(MESSAGES).flatmap(bodies.changed) | bodies.ANY)
        def anything(message: Any) -> None:
            ask(json.dumps(message))

        anything()


@pytest.mark.parametrize("more", [{}, {"background": True}], ids=str)
def test_what_is_refused_late_leaves_nothing_in_progress(more: dict[str, Any], ground: Ground) -> None:
    """A summary that was not made here is seen only where the whole context is told."""
    forged = {"type": "compaction", "encrypted_content": "dw1.ZZZZ"}  # not one that the bodies above may have left
    body = {"model": "m", "input": [{"role": "user", "content": "hi"}, forged], "store": True, **more}
    told = ground.post("/responses", json.dumps(body).encode())
    assert (told.status, json.loads(told.body)["error"]["code"]) == (400, "invalid_encrypted_content")
    assert database.query(ground.workspace.app, "SELECT 1 FROM chat_item WHERE body LIKE '%dw1.ZZZZ%'") == []


def test_the_server_goes_on(ground: Ground, request: pytest.FixtureRequest) -> None:
    assert ground.workspace.client().responses.create(model="m", input="hi").output_text == "Fine."
    ground.workspace.close()
    log = ground.workspace.app.log
    database.wait_settled(ground.workspace.app)
    assert "Traceback" not in log, log[log.index("Traceback") :][:2000]
    assert " failed: " not in log, log[log.index(" failed: ") :][:500]
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{len(PATHS)} routes: {ground.tries:,} bodies sent")
