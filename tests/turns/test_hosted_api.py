"""What an upstream's own tools say, over /v1 with the real SDK: shown, stored and told in the next turn, whole."""

import base64
import json
from typing import Any

import pytest
from openai.types.responses import ResponseInputItem, ResponseOutputItem

from tests.samples import Json, kind, members, sample
from tests.upstream import Upstream, items, text
from tests.upstream.shapes import check_stream
from tests.workspace import Workspace

pytestmark = pytest.mark.e2e
NOT_ALONE = {"message", "function_call", "mcp_approval_response", "reasoning"}  # made below, or no output by itself
HOSTED = [
    {**sample(model), "id": f"up_{index}"} for index, model in enumerate(members(ResponseOutputItem))
    if kind(model) not in NOT_ALONE
]  # fmt: skip
MESSAGE = {
    **text("It is so.").output[0],
    "phase": "final_answer",
    "content": [
        {
            "type": "output_text",
            "text": "It is so.",
            "annotations": [
                {"type": "url_citation", "url": "https://example.com", "title": "t", "start_index": 0, "end_index": 2}
            ],
            "logprobs": [{"token": "It", "logprob": -0.1, "bytes": [73], "top_logprobs": []}],
        }
    ],
}
KEY = "key-of-a-foreign-server"
TOOLS: list[Any] = [
    {"type": "web_search"},
    {"type": "mcp", "server_label": "theirs", "server_url": "https://example.com/mcp", "authorization": KEY},
    {"type": "tool_search"},
    {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "f"}]},
]
ASKED: dict[str, Any] = {
    "tools": TOOLS,
    "include": ["reasoning.encrypted_content", "web_search_call.action.sources", "message.output_text.logprobs"],
    "text": {"verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "prompt_cache_key": "a-key",
    "safety_identifier": "somebody",
    "service_tier": "flex",
    "top_logprobs": 1,
}


def but(item: Json, *names: str) -> Json:
    return {key: value for key, value in item.items() if key not in names}


def test_everything_is_kept_across_a_chain(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(items(*HOSTED, MESSAGE), text("And so it stays."))
    client = workspace.client()
    raw = client.responses.with_raw_response.create(model="m", input="go", **ASKED)
    made = json.loads(raw.text)
    for response in (made, json.loads(client.responses.with_raw_response.retrieve(made["id"]).text)):
        assert [but(item, "id") for item in response["output"]] == [but(item, "id") for item in (*HOSTED, MESSAGE)]
        for name in ("reasoning", "prompt_cache_key", "safety_identifier", "top_logprobs"):
            assert response[name] == ASKED[name]
        assert response["text"]["verbosity"] == "low"
        assert response["service_tier"] == "default"  # the upstream's word on what was asked for
        assert KEY not in json.dumps(response)
        assert [tool["type"] for tool in response["tools"]] == [tool["type"] for tool in TOOLS]
    client.responses.create(model="m", input="go on", previous_response_id=made["id"])
    first, second = upstream.bodies()
    assert first["tools"][: len(TOOLS)] == TOOLS
    assert but(first, "tools").items() >= but(ASKED, "tools", "include").items()
    assert second["input"][1:-1] == [*HOSTED, MESSAGE]


def test_everything_is_streamed(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(items(*HOSTED, MESSAGE))
    events = list(workspace.client().responses.create(model="m", input="go", stream=True, **ASKED))
    done = [json.loads(event.item.to_json()) for event in events if event.type == "response.output_item.done"]
    assert [but(item, "id") for item in done] == [but(item, "id") for item in (*HOSTED, MESSAGE)]
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_a_foreign_server_s_key_goes_along_into_the_background(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(text("Researched."))
    client = workspace.client()
    made = client.responses.create(model="m", input="go", background=True, tools=TOOLS)
    events = list(client.responses.retrieve(made.id, stream=True))
    assert events[-1].response.output_text == "Researched."
    assert upstream.bodies()[0]["tools"][1] == TOOLS[1]
    for path in workspace.app.data_dir.glob("*.sqlite3*"):
        assert KEY.encode() not in path.read_bytes()


def test_input_of_every_kind_goes_up_and_is_listed(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(text("Read."))
    left_out = {"item_reference", "mcp_approval_response", "mcp_call", "mcp_approval_request", "compaction"}
    given = [sample(model) for model in members(ResponseInputItem) if kind(model) not in left_out]
    given = [{**item, "id": f"item-{index}"} if "id" in item else item for index, item in enumerate(given)]
    calls = [{"type": f"{name}_call", "call_id": "a call_id", "name": "f", "input": "", "arguments": "{}"}
             for name in ("function", "custom_tool")]  # fmt: skip
    client = workspace.client()
    made = client.responses.create(model="m", input=[*calls, *given], tools=[{"type": "custom", "name": "a name"}])
    sent = upstream.bodies()[0]["input"]
    assert [item["type"] for item in sent] == [item.get("type") or "message" for item in (*calls, *given)]
    listed = client.responses.with_raw_response.input_items.list(made.id, order="asc", limit=100)
    assert len(json.loads(listed.text)["data"]) == len(sent)


def test_files_and_images_go_up_as_they_came(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(text("Seen."))
    data = base64.b64encode(b"%PDF-1.4").decode()
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{data}", "detail": "high"},
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{data}"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
    ]
    workspace.client().responses.create(model="m", input=[{"role": "user", "content": parts}])
    assert upstream.bodies()[0]["input"][0]["content"] == parts


def test_a_response_made_without_a_stream_is_told_as_one_afterwards(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(text("One piece."))
    client = workspace.client()
    made = client.responses.create(model="m", input="go")
    events = [event.to_dict() for event in client.responses.retrieve(made.id, stream=True)]
    numbers = [event.pop("sequence_number") for event in events]
    assert numbers == sorted(set(numbers))
    assert check_stream([{**event, "sequence_number": place} for place, event in enumerate(events)])["id"] == made.id
    assert "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta") == "One piece."
    late = list(client.responses.retrieve(made.id, stream=True, starting_after=0))
    assert [event.type for event in late] == ["response.completed"]
