"""What a request names or sends back of what was said before goes up as it was made, and only its own."""

from typing import Any

import pytest

from chat import context, kinds, references
from chat.models import Door, Item, Response, Status
from deny_web import ids
from tenants.access import Principal
from tenants.models import Role
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.db_matrix]
Json = dict[str, Any]
UPSTREAM = {"id": "rs_up", "encrypted_content": "sealed-upstream", "by": "here"}


def answered(principal: Principal) -> Response:
    owner = {"tenant": principal.tenant, "user": principal.user}
    return Response.objects.create(door=Door.BROWSER, status=Status.COMPLETED, request={}, **owner)


def put(row: Response, body: Json, upstream: Json | None = None, direction: str = "output") -> Json:
    """An item as it was shown."""
    item = {"id": ids.new(kinds.prefix(body["type"])), **body}
    place = {"direction": direction, "position": row.items.filter(direction=direction).count()}
    Item.objects.create(
        tenant_id=row.tenant_id, response=row, item_id=item["id"], body=item, upstream=upstream or {}, **place
    )
    return item


def reference(item: Json) -> Json:
    return {"type": "item_reference", "id": item["id"]}


def told(principal: Principal, *items: Json) -> list[Json]:
    return context.answered(context.of_items(references.resolved(principal, list(items)), origin="here"))


def reasoning(row: Response, **more: Any) -> Json:
    return put(row, {"type": "reasoning", "summary": [], **more}, UPSTREAM)


@pytest.mark.parametrize("named", [lambda item: item, reference], ids=["sent back", "referenced"])
def test_reasoning_goes_up_with_its_seal_and_its_maker_s_name(cast: Cast, named: Any) -> None:
    item = reasoning(answered(cast.owner))
    sealed = {"type": "reasoning", "summary": [], "id": "rs_up", "encrypted_content": "sealed-upstream"}
    assert told(cast.owner, named(item)) == [sealed]
    (row,) = references.resolved(cast.owner, [named(item)])
    assert "sealed-upstream" not in str(row.body)  # what is shown of it


def test_what_stands_beside_it_goes_up_as_in_a_chain(cast: Cast) -> None:
    row = answered(cast.owner)
    shown = [
        reasoning(row),
        put(row, {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}, {"id": "fc_up"}),
        put(row, {"type": "web_search_call", "status": "completed"}, {"id": "ws_up"}),
    ]
    assert told(cast.owner, *shown) == context.of_chain(cast.acme.id, row.pk, "here")


def test_a_foreign_server_s_question_is_told_under_its_own_name(cast: Cast) -> None:
    asks = {"type": "mcp_approval_request", "server_label": "theirs", "name": "f", "arguments": "{}"}
    shown = put(answered(cast.owner), asks, {"id": "mcpr_0up", "by": "here"})
    answer = {"type": "mcp_approval_response", "approval_request_id": shown["id"], "approve": True}
    for named in (shown, reference(shown)):
        assert told(cast.owner, named, answer) == [
            {**asks, "id": "mcpr_0up"},
            {**answer, "approval_request_id": "mcpr_0up"},
        ]


def test_nothing_of_anybody_else_s_comes_along(cast: Cast) -> None:
    elsewhere = Principal(cast.elsewhere, Role.OWNER, cast.charlie)
    for stranger in (elsewhere, cast.principal(cast.bob)):
        assert told(cast.owner, reasoning(answered(stranger))) == []


def test_another_kind_under_the_same_id_gets_nothing(cast: Cast) -> None:
    item = {**reasoning(answered(cast.owner)), "type": "web_search_call"}
    assert told(cast.owner, item) == [item]


def test_another_upstream_hears_nothing_of_it(cast: Cast) -> None:
    row = answered(cast.owner)
    item = put(row, {"type": "reasoning", "summary": []}, {**UPSTREAM, "by": "elsewhere"})
    assert told(cast.owner, item) == told(cast.owner, reference(item)) == []


def test_of_several_under_one_id_the_newest_is_meant_with_its_maker_s_name(cast: Cast) -> None:
    item = reasoning(answered(cast.owner))
    put(answered(cast.owner), {**item, "summary": [{"type": "summary_text", "text": "newer"}]}, direction="input")
    (row,) = references.resolved(cast.owner, [reference(item)])
    assert row.body["summary"] == [{"type": "summary_text", "text": "newer"}]
    assert row.upstream == UPSTREAM


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "assistant", "id": ids.new("msg"), "content": []},
        {"type": "function_call", "id": ids.new("fc"), "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "id": ids.new("rs"), "summary": [], "encrypted_content": "x"},
        {"type": "reasoning", "id": "rs_of_openai", "summary": []},
    ],
    ids=lambda item: item["type"],
)
def test_what_names_nothing_asks_nothing(cast: Cast, item: Json, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        references.resolved(cast.owner, [item])
