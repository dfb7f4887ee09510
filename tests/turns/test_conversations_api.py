"""Conversations, compaction and token counts over /v1, with the real SDK."""

import base64
import itertools

import pytest
from openai import APIStatusError, BadRequestError, NotFoundError

from tests.upstream import text
from tests.workspace import Workspace

pytestmark = pytest.mark.e2e


def said(items) -> list[str]:
    return [item.content[0].text for item in items]


def message(words: str) -> dict:
    return {"type": "message", "role": "user", "content": words}


def test_a_conversation_collects_what_is_added_and_what_is_answered(workspace: Workspace, upstream):
    upstream.queue(text("an answer"), text("another"))
    client = workspace.client()
    made = client.conversations.create(metadata={"topic": "demo"}, items=[message("before")])
    assert made.metadata == {"topic": "demo"}
    first = client.responses.create(model="m", input="one", conversation=made.id)
    assert first.conversation.id == made.id
    client.conversations.items.create(made.id, items=[message("between")])
    client.responses.create(model="m", input="two", conversation={"id": made.id})
    listed = client.conversations.items.list(made.id, order="asc")
    assert said(listed) == ["before", "one", "an answer", "between", "two", "another"]
    assert [item["content"][0]["text"] for item in upstream.bodies()[1]["input"]] == said(listed)[:-1]
    newest = client.conversations.items.list(made.id, limit=2)
    assert said(newest.data) == ["another", "two"]
    assert newest.has_more
    assert said(newest.get_next_page().data) == ["between", "an answer"]


def test_ids_that_a_client_gives_twice_are_read_to_the_end(workspace: Workspace, upstream):
    upstream.queue(text("an answer"))
    client = workspace.client()
    twice = [{**message("one"), "id": "msg_mine"}, {**message("two"), "id": "msg_mine"}]
    made = client.conversations.create(items=twice)
    client.conversations.items.create(made.id, items=twice)
    response = client.responses.create(model="m", input=[*twice, {"id": "msg_mine"}], conversation=made.id)
    listed = itertools.islice(client.conversations.items.list(made.id, limit=1, order="asc"), 20)
    assert said(listed) == ["one", "two", "one", "two", "one", "two", "one", "an answer"]
    given = itertools.islice(client.responses.input_items.list(response.id, limit=1, order="asc"), 20)
    assert said(given) == ["one", "two", "one"]


def test_items_can_be_read_and_deleted_one_by_one(workspace: Workspace, upstream):
    client = workspace.client()
    made = client.conversations.create(items=[message("keep"), message("drop")])
    keep, drop = client.conversations.items.list(made.id, order="asc").data
    assert client.conversations.items.retrieve(drop.id, conversation_id=made.id).content[0].text == "drop"
    client.conversations.items.delete(drop.id, conversation_id=made.id)
    assert [item.id for item in client.conversations.items.list(made.id)] == [keep.id]
    with pytest.raises(NotFoundError):
        client.conversations.items.retrieve(drop.id, conversation_id=made.id)


def test_metadata_is_replaced_and_a_conversation_can_go(workspace: Workspace, upstream):
    client = workspace.client()
    made = client.conversations.create(metadata={"a": "1"})
    assert client.conversations.update(made.id, metadata={"b": "2"}).metadata == {"b": "2"}
    assert client.conversations.delete(made.id).deleted
    with pytest.raises(NotFoundError):
        client.conversations.retrieve(made.id)


def test_more_than_twenty_items_and_both_ways_of_continuing_are_refused(workspace: Workspace, upstream):
    upstream.queue(text("x"))
    client = workspace.client()
    made = client.conversations.create()
    with pytest.raises(BadRequestError):
        client.conversations.items.create(made.id, items=[message("x")] * 21)
    first = client.responses.create(model="m", input="one")
    with pytest.raises(BadRequestError):
        client.responses.create(model="m", input="x", conversation=made.id, previous_response_id=first.id)


def test_a_foreign_conversation_answers_as_one_that_never_was(
    workspace: Workspace, other_workspace: Workspace, upstream
):
    mine = workspace.client().conversations.create(items=[message("secret")])
    item = workspace.client().conversations.items.list(mine.id).data[0]
    stranger = other_workspace.client()
    answers = []
    for wanted, part in ((mine.id, item.id), ("conv_" + "0" * 40, "msg_" + "0" * 40)):
        for call in (
            lambda c: stranger.conversations.retrieve(c),
            lambda c: stranger.conversations.update(c, metadata={}),
            lambda c: stranger.conversations.delete(c),
            lambda c: stranger.conversations.items.list(c),
            lambda c: stranger.conversations.items.create(c, items=[message("x")]),
            lambda c, part=part: stranger.conversations.items.retrieve(part, conversation_id=c),
            lambda c: stranger.responses.create(model="m", input="x", conversation=c),
            lambda c, part=part: stranger.responses.create(model="m", input=[{"type": "item_reference", "id": part}]),
        ):
            with pytest.raises(APIStatusError) as caught:
                call(wanted)
            answers.append((caught.value.status_code, caught.value.body))
    half = len(answers) // 2
    assert answers[:half] == answers[half:]


def test_compaction_keeps_the_user_s_words_and_seals_the_rest(workspace: Workspace, upstream):
    upstream.queue(text("Paris."), text("They asked for the capital; it is Paris."), text("As I said, Paris."))
    client = workspace.client()
    first = client.responses.create(model="m", input="What is the capital of France?")
    compacted = client.responses.compact(model="m", previous_response_id=first.id)
    assert compacted.object == "response.compaction"
    assert [item.type for item in compacted.output] == ["message", "compaction"]
    sealed = compacted.output[-1].encrypted_content
    assert "Paris" not in sealed
    assert b"Paris" not in base64.urlsafe_b64decode(sealed.partition(".")[2])
    # The SDK types a user message of the output as an answer, and would warn.
    items = [item.model_dump(exclude_none=True, warnings=False) for item in compacted.output]
    client.responses.create(model="m", input=[*items, message("And again?")])
    up = upstream.bodies()[2]["input"]
    assert [item["type"] for item in up] == ["message"] * 3
    assert "They asked for the capital; it is Paris." in up[1]["content"][0]["text"]


def test_another_tenant_cannot_open_a_compaction(workspace: Workspace, other_workspace: Workspace, upstream):
    upstream.queue(text("A"), text("summary of A"))
    client = workspace.client()
    first = client.responses.create(model="m", input="x")
    items = client.responses.compact(model="m", previous_response_id=first.id).output
    with pytest.raises(BadRequestError) as caught:
        other_workspace.client().responses.create(model="m", input=[items[-1].model_dump(exclude_none=True)])
    assert caught.value.code == "invalid_encrypted_content"


def test_compaction_without_a_model_is_refused(workspace: Workspace, upstream):
    with pytest.raises(BadRequestError) as caught:
        workspace.client().responses.compact(model=None, input="x")
    assert caught.value.param == "model"


def test_input_tokens_are_estimated_where_the_upstream_cannot_count(workspace: Workspace, upstream):
    counted = workspace.client().responses.input_tokens.count(model="m", input="four words and more " * 40)
    assert 100 < counted.input_tokens < 400
    assert counted.model_extra == {"deny_web:estimated": True}


def test_models_name_the_workspace_s_model(workspace: Workspace, upstream):
    client = workspace.client()
    assert "scripted" in [model.id for model in client.models.list()]
    assert client.models.retrieve("scripted").object == "model"
    with pytest.raises(NotFoundError):
        client.models.retrieve("no-such-model")
