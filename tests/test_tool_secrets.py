"""Credentials that a client gives along with its tools: they go up, and are neither shown nor stored in the clear."""

import json
from typing import Any
from uuid import uuid4

import pytest

from chat import conversations, creation, params, recovery, tool_secrets
from chat.envelope import stored_object
from chat.models import Door, Response
from chat.turn import Turn
from tenants import access, actions
from tenants.access import Act, Principal
from tests.cast import Cast
from vault import rewrap

KEY = "sk-of-a-foreign-server"
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"headers": {"type": "object"}}}},
    {
        "type": "mcp",
        "server_label": "theirs",
        "server_url": "https://example.com/mcp",
        "authorization": KEY,
        "headers": {"X-Key": KEY},
    },
    {
        "type": "code_interpreter",
        "container": {
            "type": "auto",
            "network_policy": {"type": "allowlist", "domain_secrets": [{"domain": "d", "name": "n", "value": KEY}]},
        },
    },
]


@pytest.fixture(autouse=True)
def demo_model(settings):
    settings.DEMO_URL = "http://127.0.0.1:9"


def principal(cast: Cast) -> Principal:
    return access.for_bearer(f"Bearer {actions.create_api_key('ci', acting=cast.owner)[1]}", Act.CHAT)


def made(cast: Cast, door: Door, **more: Any) -> tuple[Turn, Response | None]:
    create = params.parse({"model": "m", "input": "hi", "tools": TOOLS, **more})
    turn = creation.create(principal(cast), create, door=door, host_id=None)
    assert isinstance(turn, Turn)
    return turn, Response.objects.filter(pk=turn.response_id).first()


def everything(row: Response) -> str:
    return json.dumps([row.request, row.details, stored_object(row)], default=str)


@pytest.mark.django_db
@pytest.mark.db_matrix
@pytest.mark.parametrize("door", [Door.BACKGROUND, Door.BROWSER, Door.API])
def test_a_stored_request_lies_without_them(cast, door):
    turn, row = made(cast, door)
    assert row is not None
    assert KEY not in everything(row)
    assert KEY not in json.dumps(turn.object("in_progress"))
    assert turn.request["tools"] == TOOLS  # what goes up
    assert stored_object(row)["tools"][0]["parameters"] == TOOLS[0]["parameters"]
    assert stored_object(row)["tools"][1]["server_url"] == "https://example.com/mcp"


@pytest.mark.django_db
@pytest.mark.db_matrix
def test_a_successor_has_them_again(cast):
    _, row = made(cast, Door.BACKGROUND)
    assert row is not None
    assert row.sealed_request
    assert KEY.encode() not in bytes(row.sealed_request)
    assert tool_secrets.restored(row)["tools"] == TOOLS
    assert rewrap.forgotten() == []


@pytest.mark.django_db
def test_a_foreground_turn_has_no_successor_and_keeps_nothing(cast):
    _, row = made(cast, Door.API)
    assert row is not None
    assert row.sealed_request is None


def test_tools_without_secrets_are_left_as_they_are():
    assert tool_secrets.without(TOOLS[:1]) is not None
    plain = TOOLS[:1]
    assert tool_secrets.without(plain) is plain
    assert tool_secrets.without(None) is None


ADDED = {"type": "additional_tools", "role": "developer", "tools": TOOLS}
FOUND = {"type": "tool_search_output", "call_id": None, "tools": TOOLS[1:]}


@pytest.mark.django_db
@pytest.mark.db_matrix
@pytest.mark.parametrize("door", [Door.BACKGROUND, Door.BROWSER, Door.API])
def test_what_an_item_brings_is_stored_and_shown_without_them(cast, door):
    turn, row = made(cast, door, input=[ADDED, FOUND], tools=[])
    assert row is not None
    stored = [item.body for item in row.items.order_by("position")]
    assert KEY not in json.dumps([stored, everything(row)])
    assert stored[0]["tools"][0] == TOOLS[0]
    assert [item["tools"] for item in turn.context] == [TOOLS, TOOLS[1:]]  # what goes up
    assert (row.sealed_request is None) == (door is Door.API)


@pytest.mark.django_db
@pytest.mark.db_matrix
def test_a_successor_tells_them_again(cast):
    more = [{"role": "user", "content": "hi"}, ADDED, FOUND]
    turn, row = made(cast, Door.BACKGROUND, input=more, tools=TOOLS)
    assert row is not None
    assert row.sealed_request
    assert KEY.encode() not in bytes(row.sealed_request)
    rebuilt = recovery._rebuild(row)
    assert [item.get("tools") for item in rebuilt.context] == [None, TOOLS, TOOLS[1:]]
    assert rebuilt.context == turn.context
    assert rebuilt.request["tools"] == TOOLS


@pytest.mark.django_db
def test_items_that_are_only_added_are_stored_without_them_too(cast):
    asks = principal(cast)
    conversation = conversations.create(asks, {})
    told = conversations.add_items(asks, conversation.pk, {"items": [ADDED]})
    assert KEY not in json.dumps([told, conversations.items(asks, conversation.pk)])


@pytest.mark.parametrize("tools", [None, 7, {}, [[]], [{"type": []}], [{"type": "mcp", "x": {"type": {}}, **TOOLS[1]}]])
def test_odd_tools_are_looked_through(tools):
    shown = tool_secrets.without_in({**ADDED, "tools": tools})
    assert KEY not in json.dumps(shown)
    assert tool_secrets.without(tools) == shown["tools"]
    tool_secrets.seal(uuid4(), "resp_1", tools, [{**ADDED, "tools": tools}])


def test_a_namespace_s_functions_keep_their_schemas_and_its_servers_no_key():
    space = {"type": "namespace", "name": "n", "tools": TOOLS}
    assert tool_secrets.without([space])[0]["tools"][0] == TOOLS[0]
    assert KEY not in json.dumps(tool_secrets.without([space]))
