"""On every route and in every message of the socket: a foreign id is answered as one that never was, byte for byte.

The routes come from the door itself, the ids from the events of somebody else's stream.
"""

import inspect
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.routing import compile_path
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from chat.doors import socket as socket_door
from chat.doors.http import routes, wrong_method
from tests.promises import people
from tests.promises.ids import absent, harvest
from tests.promises.visitor import Answer, Wire
from tests.tool_api import reply
from tests.upstream import calls, text, thinking
from tests.workspace import Workspace, tool

pytestmark = pytest.mark.e2e
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SERVED = {(route.path, one) for route in routes if route.endpoint is not wrong_method for one in route.methods or ()}
PATHS = sorted({path for path, _ in SERVED if re.search(r"\{\w*id\}", path)})
LISTS = sorted(path for path, method in SERVED if path.endswith("items") and method == "GET")
BODIES = sorted(path for path, method in SERVED if "{" not in path and method == "POST")
REFERENCES: dict[str, dict[str, Any]] = {
    "previous_response_id": {"input": "hi", "previous_response_id": "ID"},
    "conversation": {"input": "hi", "conversation": "ID"},
    "conversation as an object": {"input": "hi", "conversation": {"id": "ID"}},
    "item_reference": {"input": [{"type": "item_reference", "id": "ID"}, {"role": "user", "content": "hi"}]},
    "items": {"items": [{"type": "item_reference", "id": "ID"}]},
    "comparison": {"input": "hi", "prompt_cache_options": {"comparison_response_id": "ID"}},
    "streamed": {"input": "hi", "previous_response_id": "ID", "stream": True},
}
MESSAGES: dict[str, list[dict[str, Any]]] = {
    "response.create": [{key: value for key, value in body.items() if key != "stream"}
                        for name, body in REFERENCES.items() if name not in ("items", "streamed")],
    "deny_web:follow": [{"response_id": "ID"}, {"response_id": "ID", "starting_after": 3}],
    "deny_web:stop": [{"response_id": "ID"}],
    "deny_web:approve": [{"approval_request_id": "ID", "response_id": "ID", "approve": True}],
    "response.steer": [],  # looks nothing up: every id gets the same refusal
    "deny_web:ping": [],
}  # fmt: skip


@dataclass
class Ground:
    """Two workspaces, who asks, and whose ids are asked for."""

    workspace: Workspace
    keys: dict[str, str]
    cookies: dict[str, str]
    slugs: dict[str, str]  # the browser names a workspace, a key has one
    api_ids: dict[str, str]
    browser_ids: dict[str, str]
    browser_token: str

    def headers(self, who: str) -> dict[str, str]:
        if who in self.keys:
            return {"Authorization": f"Bearer {self.keys[who]}"}
        return {"Cookie": f"deny_web_session={self.cookies[who]}"} if who in self.cookies else {}


@pytest.fixture(scope="module")
def ground(acme: Workspace, other_workspace: Workspace, upstream_server, api_server) -> Ground:
    upstream_server.reset()
    acme.unlock()
    acme.unlocked = True
    api_server.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    acme.load_tools(tool(api_server.url))
    steps = [thinking("Hm.", then=calls(("get_invoice", {"id": "in_1"}), said="One moment.")), text("It is open.")]
    upstream_server.queue(*steps, *steps)
    with closing(people.owner(acme)) as owner, closing(people.owner(other_workspace)) as stranger:
        keys = {
            "own key": acme.key,
            "viewer's key": people.make_key(owner, acme, "viewer", "looks"),
            "revoked key": people.make_key(owner, acme, "member", "ends"),
            "other workspace's key": other_workspace.key,
            "malformed key": "dw_nonsense",
            "half a key": acme.key[:-1],
        }
        people.revoke_key(owner, acme, keys["revoked key"])
        colleague = people.join(owner, acme, "colleague@example.com", "member")
        cookies = {"owner": owner.session, "colleague": colleague.session, "outsider": stranger.session}
    client = acme.client()
    stream = list(client.responses.create(model="m", input="look up in_1", stream=True))
    api_ids = harvest(json.loads(event.model_dump_json()) for event in stream)
    made = client.conversations.create(items=[{"type": "message", "role": "user", "content": "hi"}])
    api_ids["conv"] = made.id
    acme.close()
    token = "a-token-of-the-browser"
    with acme.socket(owner.session) as opened:
        opened.create("look up in_1", **{"deny_web:token": token})
        browser_ids = harvest(opened.events())
    for ids in (api_ids, browser_ids):
        assert {"resp", "conv", "msg", "mcp", "rs"} <= set(ids), ids
    slugs = {"outsider": other_workspace.slug, "colleague": acme.slug}
    return Ground(acme, keys, cookies, slugs, api_ids, browser_ids, token)


class Counter:
    tries = 0


@pytest.fixture(scope="module", autouse=True)
def _reported(say) -> Iterator[None]:
    yield
    say(f"{len(PATHS)} paths with ids, {len(BODIES)} with bodies: {Counter.tries:,} pairs of answers compared")


@pytest.fixture
def wire(ground: Ground) -> Iterator[Wire]:
    with closing(Wire(ground.workspace.app)) as opened:
        yield opened


def ask(wire: Wire, ground: Ground, who: str, method: str, path: str, body: object = None) -> Answer:
    given = json.dumps(body).encode() if body is not None else None
    headers = ground.headers(who) | ({"Content-Type": "application/json"} if given else {})
    return wire.ask(method, f"/v1{path}", headers, given)


def filled(path: str, value: str) -> str:
    return re.sub(r"\{\w+(?::\w+)?\}", value, path)


def spellings(value: str) -> list[str]:
    """The id as a router might be talked into reading it."""
    kind, _, rest = value.partition("_")
    return [
        *(f"{value}/", f"/{value}", f"%{ord(value[0]):02x}{value[1:]}", f"{kind.upper()}_{rest}", f"./{value}", rest),
        *(f"x/../{value}", f"{value}%00", f"{value}%20", f"{kind}_{rest.upper()}", f"{value};x", f"{value}?a=b"),
    ]


def check(told: Answer, wanted: Answer, what: object) -> None:
    Counter.tries += 1
    assert told.raw == wanted.raw, what


def test_the_matrix_is_not_empty() -> None:
    assert {"/responses/{response_id}", "/responses/{response_id}/cancel"} <= set(PATHS)
    assert "/responses" in BODIES
    assert all(compile_path(path) for path in PATHS)
    source = inspect.getsource(socket_door)
    assert set(re.findall(r'kind == "([\w:.]+)"', source)) == set(MESSAGES), "the socket knows another message"


def test_an_own_id_is_answered_otherwise(ground: Ground, wire: Wire) -> None:
    """The control: the comparison can tell answers apart."""
    for path in PATHS:
        own = ground.api_ids["conv" if "conversation" in path else "resp"]
        if (path, "GET") in SERVED and "item_id" not in path:
            assert ask(wire, ground, "own key", "GET", filled(path, own)).status == 200
            assert ask(wire, ground, "viewer's key", "GET", filled(path, own)).status == 200
            assert ask(wire, ground, "own key", "GET", filled(path, absent(own))).status == 404


STRANGERS = ("other workspace's key", "nobody", "malformed key", "half a key", "revoked key", "outsider")
# The workspace's own keys do not see what its people say in the browser.
INSIDERS = ("own key", "viewer's key")


@pytest.mark.parametrize("who", [*STRANGERS, *INSIDERS])
def test_every_route_and_method(who: str, ground: Ground, wire: Wire) -> None:
    ids = ground.browser_ids if who in INSIDERS else ground.api_ids | {"browser": ground.browser_ids["resp"]}
    allowed = {403, 404, 405, 400} if who in (*INSIDERS, "other workspace's key") else {401, 404, 405}
    for path in PATHS:
        for method in METHODS:
            for value in ids.values():
                told, wanted = (ask(wire, ground, who, method, filled(path, each)) for each in (value, absent(value)))
                check(told, wanted, (who, method, path, value))
                assert told.status in allowed, (who, method, path, told.status)
                assert value.encode() not in told.body


@pytest.mark.parametrize("who", ["other workspace's key", "own key"])
def test_every_spelling(who: str, ground: Ground, wire: Wire) -> None:
    ids = ground.browser_ids if who == "own key" else ground.api_ids
    for path in PATHS:
        value = ids["conv" if "conversation" in path else "resp"]
        for told, wanted in zip(spellings(value), spellings(absent(value)), strict=True):
            first, second = (ask(wire, ground, who, "GET", filled(path, each)) for each in (told, wanted))
            check(first, second, (who, path, told))
            assert first.status >= 400, (who, path, told)


@pytest.mark.parametrize("who", ["other workspace's key", "own key"])
def test_every_reference_in_a_body_and_query(who: str, ground: Ground, wire: Wire) -> None:
    ids = ground.browser_ids if who == "own key" else ground.api_ids
    for path in BODIES:
        for name, body in REFERENCES.items():
            if (name == "items") != (path == "/conversations"):
                continue
            for value in ids.values():
                sent = [json.loads(json.dumps(body).replace("ID", each)) for each in (value, absent(value))]
                first, second = (ask(wire, ground, who, "POST", path, {"model": "m", **each}) for each in sent)
                check(first, second, (who, path, name, value))
                counted = path.endswith("input_tokens") and b'"input_tokens"' in first.body  # a number, no more
                assert counted or first.status in {400, 404}, (who, path, name, value, first.body)


def test_every_place_in_a_list(ground: Ground, wire: Wire) -> None:
    own = {path: ground.api_ids["conv" if "conversation" in path else "resp"] for path in LISTS}
    for path in LISTS:
        for value in ground.browser_ids.values():
            told, wanted = (
                ask(wire, ground, "own key", "GET", f"{filled(path, own[path])}?after={each}")
                for each in (value, absent(value))
            )
            check(told, wanted, (path, value))


def test_a_foreign_item_in_an_own_conversation(ground: Ground, wire: Wire) -> None:
    at = f"/conversations/{ground.api_ids['conv']}/items"
    for value in ground.browser_ids.values():
        for method in ("GET", "DELETE"):
            told, wanted = (ask(wire, ground, "own key", method, f"{at}/{each}") for each in (value, absent(value)))
            check(told, wanted, (method, value))
        body = {"items": [{"type": "item_reference", "id": value}]}
        bodies = [body, json.loads(json.dumps(body).replace(value, absent(value)))]
        first, second = (ask(wire, ground, "own key", "POST", at, each) for each in bodies)
        check(first, second, value)


@pytest.mark.parametrize("stream", [False, True])
def test_a_foreign_token_is_nobody_s(stream: bool, ground: Ground, wire: Wire, upstream_server) -> None:
    upstream_server.queue(text("Another answer."))
    body = {"model": "m", "input": "hi", "deny_web:token": ground.browser_token, "stream": stream}
    told = ask(wire, ground, "own key", "POST", "/responses", body)
    assert ground.browser_ids["resp"].encode() not in told.body
    assert b"It is open." not in told.body


def test_nothing_of_it_changed_what_was_there(ground: Ground, wire: Wire) -> None:
    found = ask(wire, ground, "own key", "GET", f"/responses/{ground.api_ids['resp']}")
    assert json.loads(found.body)["status"] == "completed"
    assert b"It is open." in found.body
    assert ask(wire, ground, "own key", "GET", f"/conversations/{ground.api_ids['conv']}").status == 200
    with ground.workspace.socket(ground.cookies["owner"]) as opened:
        opened.follow(ground.browser_ids["resp"], -1)
        assert list(opened.events())[-1]["type"] == "response.completed"


# --- the socket -------------------------------------------------------------------------------------------------


@contextmanager
def dialogue(ground: Ground, who: str, slug: str | None) -> Iterator[Any]:
    app = ground.workspace.app
    query = f"?tenant={slug}" if slug is not None else ""
    origin = app.url if who in ground.cookies else None
    address = f"ws://{urlsplit(app.url).netloc}/v1/responses{query}"
    with connect(address, additional_headers=ground.headers(who), origin=origin) as opened:
        yield opened


def next_frame(opened: Any) -> str:
    """The next frame that is an answer; a close's code where there is none."""
    while True:
        try:
            frame = str(opened.recv(timeout=20))
        except ConnectionClosed as closed:
            return f"closed {closed.rcvd.code if closed.rcvd else None}"
        if not frame.startswith('{"type":"deny_web:vault"'):
            return frame


@pytest.mark.parametrize("who", ["other workspace's key", "own key", "viewer's key", "outsider", "colleague"])
def test_every_message_of_the_socket(who: str, ground: Ground) -> None:
    ids = ground.api_ids | {"browser": ground.browser_ids["resp"], "conversation": ground.browser_ids["conv"]}
    if who in INSIDERS or who == "colleague":
        ids = ground.browser_ids
    with dialogue(ground, who, ground.slugs.get(who)) as opened:
        for kind, messages in MESSAGES.items():
            for message in messages:
                for value in ids.values():
                    told = []
                    for each in (value, absent(value)):
                        opened.send(json.dumps({"type": kind, **message}).replace("ID", each))
                        told.append(next_frame(opened).replace(each, "ID"))  # a frame may say what it answers
                    Counter.tries += 1
                    assert told[0] == told[1], (who, kind, message, value)
                    assert '"type":"error"' in told[0], (who, kind, message, value)


@pytest.mark.parametrize("who", ["outsider", "other workspace's key", "nobody", "revoked key", "malformed key"])
def test_a_workspace_of_others_is_none_to_the_socket(who: str, ground: Ground) -> None:
    told = []
    for slug in (ground.workspace.slug, "nowhere"):
        with dialogue(ground, who, slug) as opened:
            told.append(next_frame(opened))
    assert told[0] == told[1]
    assert told[0].startswith("closed 44")
