"""Deleting responses out of a chain over /v1, with the real SDK: the rest of the chain holds together."""

from typing import Any

import pytest
from openai import APIStatusError, NotFoundError

from tests.upstream import Upstream, text
from tests.workspace import Workspace

pytestmark = pytest.mark.e2e


def told(body: dict[str, Any]) -> list[str]:
    """The texts of a request that reached the upstream."""
    return [item["content"][0]["text"] for item in body["input"]]


def listed(client: Any, conversation_id: str) -> list[str]:
    return [item.content[0].text for item in client.conversations.items.list(conversation_id, order="asc")]


def test_a_conversation_whose_newest_response_is_deleted_goes_on_from_the_one_before(
    workspace: Workspace, upstream: Upstream
) -> None:
    upstream.queue(text("one"), text("two"), text("three"))
    client = workspace.client()
    made = client.conversations.create()
    client.responses.create(model="m", input="a", conversation=made.id)
    newest = client.responses.create(model="m", input="b", conversation=made.id)
    client.responses.delete(newest.id)
    assert listed(client, made.id) == ["a", "one"]
    after = client.responses.create(model="m", input="c", conversation=made.id)
    assert told(upstream.bodies()[2]) == ["a", "one", "c"]
    assert listed(client, made.id) == ["a", "one", "c", "three"]
    assert client.responses.retrieve(after.id).output_text == "three"


def test_what_came_before_a_deleted_response_is_still_told_to_its_successors(
    workspace: Workspace, upstream: Upstream
) -> None:
    upstream.queue(text("one"), text("two"), text("three"), text("four"))
    client = workspace.client()
    first = client.responses.create(model="m", input="a")
    middle = client.responses.create(model="m", input="b", previous_response_id=first.id)
    last = client.responses.create(model="m", input="c", previous_response_id=middle.id)
    client.responses.delete(middle.id)
    assert client.responses.retrieve(last.id).previous_response_id == first.id
    client.responses.create(model="m", input="d", previous_response_id=last.id)
    assert told(upstream.bodies()[3]) == ["a", "one", "c", "three", "d"]


def test_the_first_response_can_be_deleted_and_a_deleted_one_is_not_found(
    workspace: Workspace, upstream: Upstream
) -> None:
    upstream.queue(text("one"), text("two"), text("three"))
    client = workspace.client()
    first = client.responses.create(model="m", input="a")
    second = client.responses.create(model="m", input="b", previous_response_id=first.id)
    client.responses.delete(first.id)
    for act in (client.responses.retrieve, client.responses.delete, client.responses.input_items.list):
        with pytest.raises(NotFoundError):
            act(first.id)
    with pytest.raises(APIStatusError) as caught:
        client.responses.create(model="m", input="c", previous_response_id=first.id)
    assert caught.value.code == "previous_response_not_found"
    client.responses.create(model="m", input="c", previous_response_id=second.id)
    assert told(upstream.bodies()[2]) == ["b", "two", "c"]


def test_a_response_that_is_deleted_while_it_runs_is_stopped_and_leaves_its_conversation_usable(
    workspace: Workspace, upstream: Upstream
) -> None:
    upstream.queue(text("one"), text("slow", fault="hold", after=4), text("three"))
    client = workspace.client()
    made = client.conversations.create()
    client.responses.create(model="m", input="a", conversation=made.id)
    with client.responses.create(model="m", input="b", conversation=made.id, stream=True) as running:
        begun = next(iter(running))
        upstream.wait_requests(2)
        client.responses.delete(begun.response.id)
        upstream.wait_state("client_gone")
    client.responses.create(model="m", input="c", conversation=made.id)
    assert told(upstream.bodies()[2]) == ["a", "one", "c"]
