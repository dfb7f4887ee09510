"""The server's own upstream has one key for all workspaces: ids of what is kept under it go up from none of them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseInputItem, ResponsePrompt, Tool
from pydantic import BaseModel

from chat import context, kinds
from chat.models import Item, Provider
from chat.providers import client, shared
from chat.providers import stream as streams
from chat.providers.errors import UpstreamUnfit
from tests.asking import at, connections, said
from tests.samples import members
from tests.upstream import Upstream, error, text

SHARED = Provider.Kind.DEFAULT
LEAF = st.none() | st.integers(0, 1) | st.sampled_from(["", "x", "namespace", "shell_call", "additional_tools"])
NAME = st.sampled_from(
    ["type", "tools", "content", "output", "environment", "container", "container_id", "file_id", "id", kinds.MAKER]
)
ODD = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3), max_leaves=8
)


def said_by_user(*parts: Any) -> dict[str, Any]:
    return {"input": [{"type": "message", "role": "user", "content": list(parts)}]}


FOREIGN: dict[str, dict[str, Any]] = {
    "prompt": {"prompt": {"id": "pmpt_1"}},
    "vector store": {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    "container": {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
    "container's files": {
        "tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]
    },
    "shell": {"tools": [{"type": "shell", "environment": {"type": "container_reference", "container_id": "cntr_1"}}]},
    "mask": {"tools": [{"type": "image_generation", "input_image_mask": {"file_id": "file-1"}}]},
    "file": said_by_user({"type": "input_text", "text": "x"}, {"type": "input_file", "file_id": "file-1"}),
    "image": said_by_user({"type": "input_image", "file_id": "file-1"}),
    "output": {
        "input": [
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file", "file_id": "file-1"}]},
            {"type": "computer_call_output", "call_id": "d", "output": {"type": "computer_screenshot", "file_id": "f"}},
        ]
    },
    "skill": {
        "tools": [{"type": "shell", "environment": {"type": "container_auto", "skills": [{"skill_id": "sk_1"}]}}]
    },
    "tunnel": {"tools": [{"type": "mcp", "server_label": "theirs", "tunnel_id": "tnl_1"}]},
    "namespace": {"tools": [{"type": "namespace", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}]},
    "chosen tools": {"tool_choice": {"type": "allowed_tools", "tools": [{"type": "mcp", "tunnel_id": "tnl_1"}]}},
    "added tools": {
        "input": [{"type": "additional_tools", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}]
    },
    "found tools": {
        "input": [{"type": "tool_search_output", "tools": [{"type": "code_interpreter", "container": "cntr_1"}]}]
    },
    "code that ran": {"input": [{"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1"}]},
    "commands that ran": {
        "input": [
            {
                "type": "shell_call",
                "call_id": "c",
                "environment": {"type": "container_reference", "container_id": "cntr_1"},
            }
        ]
    },
    "picture": {"input": [{"type": "image_generation_call", "id": "ig_1"}]},
    "instructions": {"instructions": [{"type": "message", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
    "screenshot": {
        "input": [
            {"type": "computer_call_output", "call_id": "d", "output": {"type": "computer_screenshot", "file_id": "f"}}
        ]
    },
}
OURS: dict[str, dict[str, Any]] = {
    "plain text": {"input": "file_id"},
    "a function's schema": {
        "tools": [{"type": "function", "name": "f", "parameters": {"file_id": {"type": "string"}}}]
    },
    "a search's schema": {"tools": [{"type": "tool_search", "parameters": {"file_id": {"type": "string"}}}]},
    "a namespace's schema": {
        "tools": [{"type": "namespace", "tools": [{"type": "function", "parameters": {"file_id": {}}}]}]
    },
    "a shell of the client's": {"input": [{"type": "shell_call", "call_id": "c", "environment": {"type": "local"}}]},
    "code without a container": {"input": [{"type": "code_interpreter_call", "id": "ci_1", "container_id": None}]},
    "a container of its own": {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
    "file data": said_by_user({"type": "input_file", "file_data": "data:text/plain;base64,eA==", "file_id": None}),
    "what it said itself": {
        "input": [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "x", "annotations": [{"file_id": "file-1"}]}],
            }
        ]
    },
}


@pytest.fixture(autouse=True)
async def _connections(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(streams, "_FIRST_DELAY", 0.01)
    async with connections():
        yield


@pytest.mark.parametrize("name", FOREIGN)
async def test_ids_under_the_shared_key_are_refused(name: str, upstream: Upstream) -> None:
    with pytest.raises(UpstreamUnfit, match="shared by its workspaces"):
        await said(at(upstream.url, kind=SHARED), **FOREIGN[name])
    with pytest.raises(UpstreamUnfit):
        await client.count_tokens(at(upstream.url, kind=SHARED), {"model": "m", **FOREIGN[name]})
    assert upstream.requests() == []


@pytest.mark.parametrize("name", FOREIGN)
async def test_an_upstream_of_ones_own_hears_them_and_the_shared_one_behind_it_does_not(
    name: str, upstream: Upstream
) -> None:
    upstream.queue(text("Mine."))
    assert (await said(at(upstream.url), **FOREIGN[name]))[0] == "Mine."
    upstream.reset()
    upstream.queue(error(404, times=1))
    with pytest.raises(UpstreamUnfit, match="shared by its workspaces"):
        await said(at(upstream.url), at(upstream.url, "shared", kind=SHARED), **FOREIGN[name])
    assert len(upstream.requests()) == 1


# Of the types' fields, what they are ids of: those in `_HELD` and `container`, and else nothing of a key's holder.
FREE = {
    *("call_id", "caller_id", "approval_request_id", "connector_id"),
    *("id",),  # of an item: a picture's stands for it, a reference is resolved, others come with what they are
}


def test_every_id_of_the_sdk_s_types_is_known() -> None:
    models: list[Any] = [*members(ResponseInputItem), *members(Tool), ResponsePrompt]
    found = set().union(*map(id_fields, models))
    assert {"file_id", "container_id", "vector_store_ids", "skill_id", "tunnel_id"} <= found
    assert found - FREE == {*shared._HELD, "container"}


def id_fields(model: type[BaseModel]) -> set[str]:
    """The names of a model's fields that hold ids, and of the models in it."""
    waiting, seen, found = [model], set(), set()
    while waiting:
        if (one := waiting.pop()) in seen:
            continue
        seen.add(one)
        for name, field in one.model_fields.items():
            inner = list(models_in(field.annotation))
            waiting += inner
            if name in ("id", "container") or name.endswith(("_id", "_ids")):
                found.add(name)
    return found


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


@settings(max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["prompt", "tools", "tool_choice", "instructions", "input"]), ODD, max_size=3))
def test_any_body_is_looked_through(body: dict[str, Any]) -> None:
    shared._names_any(body, "default")


def test_a_deep_body_is_looked_through() -> None:
    deep: Any = {"vector_store_ids": ["vs_1"]}
    for _ in range(5000):
        deep = {"x": [deep]}
    assert shared._names_any({"tools": [{"type": "file_search", **deep}]}, "default")


CALLS = [
    {"type": "code_interpreter_call", "id": "ci_up", "code": "1", "container_id": "cntr_up", "status": "completed"},
    {"type": "image_generation_call", "id": "ig_up", "result": "", "status": "completed"},
    {
        "type": "shell_call",
        "id": "sh_up",
        "call_id": "c",
        "environment": {"type": "container_reference", "container_id": "cntr_up"},
    },
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call["type"])
async def test_a_call_that_it_made_itself_goes_back_to_it(call: dict[str, Any], upstream: Upstream) -> None:
    stored = Item(body={**call, "id": "ours"}, item_id="ours", upstream={"id": call["id"], "by": "default"})
    upstream.queue(text("Yes."))
    default = at(upstream.url, kind=SHARED, origin="default")
    await said(default, input=context.of_items([stored], origin="default"))
    assert upstream.bodies()[0]["input"] == [call]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call["type"])
async def test_one_that_another_made_or_a_client_says_it_did_tells_it_no_ids(
    call: dict[str, Any], upstream: Upstream
) -> None:
    """Who runs an upstream of their own can have it say anything."""
    elsewhere = Item(body=call, item_id="ours", upstream={"id": call["id"], "by": "elsewhere"})
    told = context.of_items([elsewhere], origin="default")
    assert not shared._names_any({"input": told}, "default")
    forged = context.of_input([{**call, kinds.MAKER: "default"}], "default")
    with pytest.raises(UpstreamUnfit):
        await said(at(upstream.url, kind=SHARED, origin="default"), input=forged)


@pytest.mark.parametrize("name", OURS)
async def test_other_requests_pass(name: str, upstream: Upstream) -> None:
    upstream.queue(text("Yes."))
    assert (await said(at(upstream.url, kind=SHARED), **OURS[name]))[0] == "Yes."
