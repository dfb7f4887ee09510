"""The server's own upstream has one key for all workspaces: ids of what is kept under it go up from none of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat.models import Provider
from chat.providers import client
from chat.providers import stream as streams
from chat.providers.errors import UpstreamUnfit
from tests.asking import at, connections, said
from tests.upstream import Upstream, error, text

SHARED = Provider.Kind.DEFAULT


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


@pytest.mark.parametrize("name", OURS)
async def test_other_requests_pass(name: str, upstream: Upstream) -> None:
    upstream.queue(text("Yes."))
    assert (await said(at(upstream.url, kind=SHARED), **OURS[name]))[0] == "Yes."
