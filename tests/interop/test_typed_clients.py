"""Every route through the SDK's typed clients, which refuse an answer that is not of their types: sync and async, over
HTTP and over a WebSocket."""

import inspect
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.pagination import SyncConversationCursorPage, SyncCursorPage, SyncPage

from tests.interop.conftest import INVOICE
from tests.tool_api import ToolApi
from tests.upstream import Upstream, calls, text, thinking
from tests.upstream.shapes import ENDINGS, check_stream
from tests.workspace import Workspace

pytestmark = pytest.mark.e2e
MINE = {"type": "function", "name": "mine", "parameters": {"type": "object", "properties": {}}, "strict": None}
ITEMS = [{"role": "user", "content": "one"}, {"role": "user", "content": [{"type": "input_text", "text": "two"}]}]


async def whole(made: Any) -> Any:
    """What a call of either client gives: awaited if need be, streams and all pages of a list read to their end."""
    value = await made if inspect.isawaitable(made) else made
    if hasattr(value, "__aiter__"):
        return [each async for each in value]
    return (
        list(value)
        if isinstance(value, openai.Stream | SyncConversationCursorPage | SyncCursorPage | SyncPage)
        else value
    )


@pytest.fixture(params=[OpenAI, AsyncOpenAI])
async def client(request: pytest.FixtureRequest, workspace: Workspace) -> AsyncIterator[Any]:
    """Either client, strict about types. Untyped, so that one text serves both."""
    made = request.param(
        api_key=workspace.key, base_url=f"{workspace.app.url}/v1", max_retries=0, _strict_response_validation=True
    )
    yield made
    await whole(made.close())


async def test_responses(client: Any, upstream: Upstream) -> None:
    upstream.queue(text("First."), text("Second."), text("Summed up."), text("Third."))
    responses = client.responses
    first = await whole(responses.create(model="m", input=ITEMS))
    assert (await whole(responses.retrieve(first.id))).output_text == "First."
    listed = await whole(responses.input_items.list(first.id, limit=1, order="asc"))
    assert [item.content[0].text for item in listed] == ["one", "two"]
    streamed = await whole(responses.create(model="m", input="go on", previous_response_id=first.id, stream=True))
    second = streamed[-1].response
    assert (await whole(responses.retrieve(second.id, stream=True)))[-1].response.id == second.id
    assert (await whole(responses.input_tokens.count(model="m", input="one"))).input_tokens > 0
    # Its declared type has no room for the user's messages, which by its own words come first.
    compacted = await whole(responses.with_raw_response.compact(model="m", previous_response_id=second.id))
    third = await whole(responses.create(model="m", input=[*json.loads(compacted.text)["output"], *ITEMS]))
    assert third.output_text == "Third."
    await whole(responses.delete(first.id))
    with pytest.raises(openai.NotFoundError):
        await whole(responses.retrieve(first.id))


async def test_what_a_response_may_hold(client: Any, upstream: Upstream, api: ToolApi) -> None:
    look_up = calls(("get_invoice", {"id": INVOICE["id"]}))
    upstream.queue(look_up, text("Open."), look_up, text("Open."))
    upstream.queue(calls(("refund", {"id": INVOICE["id"]})), calls(("mine", {})), thinking("Hm.", then=text("Yes.")))

    async def create(**more: Any) -> Any:
        return await whole(client.responses.create(model="m", input="go", **more))

    found = [await create(), (await create(stream=True))[-1].response]
    found += [await create(), await create(tools=[MINE]), await create(include=["reasoning.encrypted_content"])]
    assert [[item.type for item in response.output] for response in found] == [
        ["mcp_call", "message"],
        ["mcp_call", "message"],
        ["mcp_approval_request"],
        ["function_call"],
        ["reasoning", "message"],
    ]


async def test_background_and_cancelling(client: Any, upstream: Upstream) -> None:
    upstream.queue(text("Slow.", wait=30))
    made = await whole(client.responses.create(model="m", input="go", background=True))
    upstream.wait_requests(1)
    assert made.status in {"queued", "in_progress"}
    await whole(client.responses.cancel(made.id))
    events = await whole(client.responses.retrieve(made.id, stream=True))
    assert events[-1].response.status == "cancelled"


async def test_conversations_and_models(client: Any, upstream: Upstream) -> None:
    upstream.queue(text("Hello."))
    conversations = client.conversations
    made = await whole(conversations.create(metadata={"a": "b"}))
    changed = await whole(conversations.update(made.id, metadata={"c": "d"}))
    assert (await whole(conversations.retrieve(made.id))).metadata == changed.metadata == {"c": "d"}
    added = (await whole(conversations.items.create(made.id, items=ITEMS))).data
    assert (await whole(conversations.items.retrieve(added[0].id, conversation_id=made.id))).id == added[0].id
    await whole(client.responses.create(model="m", input="three", conversation={"id": made.id}))
    assert len(await whole(conversations.items.list(made.id, limit=1))) == 4
    await whole(conversations.items.delete(added[0].id, conversation_id=made.id))
    assert (await whole(conversations.delete(made.id))).deleted
    models = await whole(client.models.list())
    assert (await whole(client.models.retrieve(models[0].id))).id == models[0].id


async def test_over_a_websocket(client: Any, upstream: Upstream) -> None:
    upstream.queue(text("First."), text("Second."))
    manager = client.responses.connect()
    connection = await manager.__aenter__() if isinstance(client, AsyncOpenAI) else manager.__enter__()
    previous: dict[str, str] = {}
    for _ in range(2):
        await whole(connection.response.create(model="m", input="go", store=False, **previous))
        events: list[dict[str, Any]] = []
        while not events or events[-1]["type"] not in ENDINGS:
            events.append((await whole(connection.recv())).to_dict())
        previous = {"previous_response_id": check_stream(events)["id"]}
    await whole(connection.close())
    assert len(upstream.bodies()[1]["input"]) == 3
