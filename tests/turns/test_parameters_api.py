"""Parameters beside the usual ones, with the real SDK: what goes up, and what comes back."""

from typing import Any

import pytest
from openai import BadRequestError

from tests.upstream import Step, Upstream, text
from tests.workspace import Workspace

pytestmark = pytest.mark.e2e

SEALED = "reasoning.encrypted_content"
CONTENT = "encrypted-by-the-upstream"


def padded() -> Step:
    """A text of which one delta is padded."""
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "x"}
    return text("hello", extra=[(5, {**delta, "delta": "", "logprobs": [], "obfuscation": "padding"})])


def paddings(stream: Any) -> list[str]:
    return [event.obfuscation for event in stream if getattr(event, "obfuscation", None)]


@pytest.mark.parametrize(
    ("options", "up", "down"),
    [
        ({}, None, ["padding"]),
        ({"stream_options": {"include_obfuscation": True}}, {"include_obfuscation": True}, ["padding"]),
        ({"stream_options": {"include_obfuscation": False}}, {"include_obfuscation": False}, []),
    ],
)
def test_padding_is_asked_for_and_taken_out_as_the_client_says(
    workspace: Workspace, upstream: Upstream, options: dict[str, Any], up: object, down: list[str]
) -> None:
    upstream.queue(padded())
    stream = workspace.client().responses.create(model="m", input="hi", stream=True, **options)
    assert paddings(stream) == down
    assert upstream.bodies()[0].get("stream_options") == up


def test_padding_is_taken_out_where_a_stream_is_retrieved(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(padded())
    client = workspace.client()
    events = list(client.responses.create(model="m", input="hi", stream=True))
    again = list(client.responses.retrieve(events[0].response.id, stream=True, include_obfuscation=False))
    assert [event.sequence_number for event in again] == [event.sequence_number for event in events]
    assert (paddings(events), paddings(again)) == (["padding"], [])
    assert paddings(client.responses.retrieve(events[0].response.id, stream=True)) == ["padding"]


@pytest.mark.parametrize("options", [3, {"include_obfuscation": "no"}])
def test_stream_options_that_are_none_are_refused(workspace: Workspace, upstream: Upstream, options: object) -> None:
    with pytest.raises(BadRequestError):
        workspace.client().responses.create(model="m", input="hi", extra_body={"stream_options": options})


def test_a_compaction_s_parameters_go_up(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(text("They said hi."))
    asked: dict[str, Any] = {"prompt_cache_key": "k", "prompt_cache_retention": "24h", "service_tier": "flex"}
    more = {"prompt_cache_options": {"mode": "explicit"}, "unheard_of": {"a": 1}}
    tools = [{"type": "function", "name": "f", "parameters": {}}]
    workspace.client().responses.compact(
        model="m", input="hi", instructions="Be brief.", **asked, extra_body={**more, "tools": tools}
    )
    (body,) = upstream.bodies()
    assert {**asked, **more}.items() <= body.items()
    assert body["store"] is False
    assert body["instructions"].endswith("Be brief.")
    assert "tools" not in body


def sealing() -> Step:
    """A text, and reasoning that is sealed without anybody asking for it."""
    item = {"type": "reasoning", "id": "rs_up", "summary": [], "encrypted_content": CONTENT}
    told = [{"type": f"response.output_item.{verb}", "output_index": 7, "item": item} for verb in ("added", "done")]
    return text("one", extra=[(2, told[0]), (3, told[1])])


def test_sealed_reasoning_is_included_wherever_it_is_read_by_who_asks_for_it(
    workspace: Workspace, upstream: Upstream
) -> None:
    upstream.queue(sealing())
    client = workspace.client()
    talk = client.conversations.create()
    made = client.responses.create(model="m", input="a", conversation=talk.id)
    item_id = next(item.id for item in made.output if item.type == "reasoning")

    def read(**options: Any) -> list[Any]:
        response = client.responses.retrieve(made.id, **options)
        listed = client.conversations.items.list(talk.id, **options)
        one = client.conversations.items.retrieve(item_id, conversation_id=talk.id, **options)
        found = [*response.output, *listed, one]
        return [item.encrypted_content for item in found if item.type == "reasoning"]

    assert read() == [None] * 3
    assert read(include=["message.output_text.logprobs"]) == [None] * 3
    assert read(include=[SEALED]) == [CONTENT] * 3


def test_sealed_reasoning_of_a_response_s_input_is_included(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(sealing(), text("two"))
    client = workspace.client()
    with client.responses.connect() as connection:
        first = ended(connection, input="a", store=False)
        second = ended(connection, input="b", previous_response_id=first)
    for options, content in (({}, None), ({"include": [SEALED]}, CONTENT)):
        items = client.responses.input_items.list(second, **options)
        assert [item.encrypted_content for item in items if item.type == "reasoning"] == [content]


def ended(connection: Any, **create: Any) -> str:
    """The id of a response, once it is completed."""
    connection.response.create(model="m", **create)
    event = next(event for event in connection if event.type == "response.completed")
    return str(event.response.id)


def test_a_choice_in_the_older_form_goes_up_flat(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(text("no"), text("no"))
    client = workspace.client()
    function = {"name": "f", "parameters": {"type": "object", "properties": {}}}
    nested = {"type": "function", "function": {"name": "f"}}
    for choice in (nested, {"type": "allowed_tools", "mode": "auto", "tools": [nested]}):
        client.responses.create(
            model="m", input="hi", tools=[{"type": "function", "function": function}], tool_choice=choice
        )
    first, second = (body["tool_choice"] for body in upstream.bodies())
    assert first == {"type": "function", "name": "f"}
    assert "function" not in str(second).replace("'type': 'function'", "")
