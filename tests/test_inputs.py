"""No two items of a list have one id: whoever reads it page by page, by the last id of each, comes to its end."""

from typing import Any

import pytest

from chat import conversations, inputs, references
from chat.doors.http.door import page
from chat.models import Conversation, Door, Item, Response, Status
from tests.cast import Cast

pytestmark = pytest.mark.django_db
Json = dict[str, Any]
SAYS: Json = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}], "id": "msg_mine"}


def put(cast: Cast, *items: Json, parent: Response | None = None, conversation: Conversation | None = None) -> Response:
    row = Response.objects.create(
        tenant=cast.acme, user=cast.alice, door=Door.BROWSER, status=Status.COMPLETED, request={}, parent=parent,
        conversation=conversation,
    )  # fmt: skip
    inputs.stored(row, references.resolved(cast.owner, list(items)))
    return row


def ids_of(*rows: Response) -> list[str]:
    return [item.item_id for row in rows for item in row.items.order_by("position")]


def read(bodies: list[Json], **query: str) -> list[Json]:
    """All of a list, as the SDK reads it; fails where it does not end."""
    found: list[Json] = []
    after: dict[str, str] = {}
    for _ in range(2 * len(bodies)):
        told = page(bodies, {"limit": "1", **query, **after})
        found += told["data"]
        after = {"after": told["last_id"]}
        if not told["has_more"]:
            return found
    raise AssertionError(f"no end after {len(found)} items")


def test_the_same_id_twice_in_one_input_is_two_ids(cast: Cast) -> None:
    row = put(cast, SAYS, SAYS, {"type": "item_reference", "id": put(cast, SAYS).items.get().item_id})
    first, second, third = ids_of(row)
    assert first == "msg_mine"
    assert len({first, second, third}) == 3
    assert [item.body["id"] for item in row.items.order_by("position")] == [first, second, third]


def test_and_so_it_is_in_a_conversation(cast: Cast) -> None:
    conversation = conversations.create(cast.owner, {})
    first = put(cast, SAYS, conversation=conversation)
    second = put(cast, SAYS, parent=first, conversation=conversation)
    third = put(cast, SAYS)  # another chain is another list
    assert len(set(ids_of(first, second))) == 2
    assert ids_of(third) == ["msg_mine"]


def test_a_new_id_is_of_the_item_s_kind(cast: Cast) -> None:
    """OpenAI's API refuses an item under an id of another kind."""
    call = {"type": "web_search_call", "id": "ws_mine"}
    custom = {"type": "custom_tool_call", "id": "ctc_mine", "call_id": "c"}
    _, again, _, custom_again = ids_of(put(cast, call, call, custom, custom))
    assert again.startswith("ws_")
    assert custom_again.startswith("item_")  # which does not go up


def test_what_others_refer_to_keeps_its_id_and_the_list_has_an_end(cast: Cast) -> None:
    asks = {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "deny_web", "name": "f", "arguments": "{}"}
    row = put(cast, SAYS, asks, asks, {**SAYS, "id": "msg_other"})
    bodies = [item.body for item in row.items.order_by("position")]
    assert [body["id"] for body in bodies] == ["msg_mine", "mcpr_1", "mcpr_1", "msg_other"]
    for order in ("asc", "desc"):
        assert read(bodies, order=order)


def test_of_two_under_one_id_a_conversation_means_the_newest(cast: Cast) -> None:
    conversation = conversations.create(cast.owner, {})
    row = put(cast, SAYS, conversation=conversation)
    Item.objects.create(
        tenant=cast.acme,
        response=row,
        direction="input",
        position=1,
        item_id="msg_mine",
        body={**SAYS, "role": "system"},
    )
    conversation.leaf = row
    conversation.save()
    assert conversations.item(cast.owner, conversation.pk, "msg_mine").body["role"] == "system"


def test_a_first_message_asks_nothing_for_its_id(cast: Cast, django_assert_num_queries: Any) -> None:
    row = Response(tenant=cast.acme, door=Door.BROWSER, stored=False)
    with django_assert_num_queries(0):
        inputs.stored(row, [Item(body=SAYS)])
