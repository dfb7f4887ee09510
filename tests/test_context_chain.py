"""What the model gets to see: the chain of one tenant, in the upstream's terms, and nothing of anybody else's."""

import pytest

from chat import context, lookup, references
from chat.errors import ApiError
from chat.models import Door, Item, Response, Status
from tenants.models import Role

pytestmark = pytest.mark.django_db


def make(tenant, user, parent=None, **fields):
    return Response.objects.create(
        tenant=tenant, user=user, parent=parent, door=Door.BROWSER, status=Status.COMPLETED, request={}, **fields
    )


def put(row, direction, position, body, **fields):
    body = {"id": f"item_{row.pk[-6:]}_{direction}_{position}", **body}
    return Item.objects.create(
        tenant_id=row.tenant_id, response=row, direction=direction, position=position, item_id=body["id"], body=body,
        **fields,
    )  # fmt: skip


def user_says(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def assistant_says(text, **more):
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}], **more}


def call(name, **more):
    fields = {"server_label": "deny_web", "name": name, "arguments": "{}", "output": f"out of {name}"}
    return {"type": "mcp_call", "status": "completed", **fields, **more}


def texts(items):
    return [item["content"][0]["text"] for item in items if item["type"] == "message"]


@pytest.mark.db_matrix
def test_a_chain_is_replayed_from_its_root(cast):
    first = make(cast.acme, cast.alice)
    put(first, "input", 0, user_says("one"))
    put(first, "output", 0, assistant_says("two"))
    second = make(cast.acme, cast.alice, first)
    put(second, "input", 0, user_says("three"))
    assert texts(context.of_chain(cast.acme.id, second.pk)) == ["one", "two", "three"]


@pytest.mark.db_matrix
def test_a_chain_ends_where_another_tenant_would_begin(cast):
    theirs = make(cast.elsewhere, cast.charlie)
    put(theirs, "input", 0, user_says("their secret plan"))
    ours = make(cast.acme, cast.alice, theirs)  # as a forged row would have it
    put(ours, "input", 0, user_says("mine"))
    assert texts(context.of_chain(cast.acme.id, ours.pk)) == ["mine"]
    assert context.of_chain(cast.elsewhere.id, ours.pk) == []


def test_branches_do_not_mix(cast):
    root = make(cast.acme, cast.alice)
    put(root, "input", 0, user_says("root"))
    left, right = make(cast.acme, cast.alice, root), make(cast.acme, cast.alice, root)
    put(left, "input", 0, user_says("left"))
    put(right, "input", 0, user_says("right"))
    assert texts(context.of_chain(cast.acme.id, right.pk)) == ["root", "right"]


def test_our_tools_go_up_as_functions_with_the_upstream_s_call_ids(cast):
    row = make(cast.acme, cast.alice)
    put(row, "output", 0, call("a"), upstream={"call_id": "call_1"})
    put(row, "output", 1, call("b"), upstream={"call_id": "call_2"})
    put(row, "output", 2, assistant_says("done"))
    items = context.of_chain(cast.acme.id, row.pk)
    assert [(item["type"], item.get("call_id")) for item in items] == [
        ("function_call", "call_1"),
        ("function_call", "call_2"),
        ("function_call_output", "call_1"),
        ("function_call_output", "call_2"),
        ("message", None),
    ]
    assert items[2]["output"] == "out of a"


def test_an_upstream_s_own_mcp_call_stays_what_it_is(cast):
    row = make(cast.acme, cast.alice)
    put(row, "output", 0, call("a", server_label="theirs"))
    assert [item["type"] for item in context.of_chain(cast.acme.id, row.pk)] == ["mcp_call"]


def test_abandoned_items_never_enter(cast):
    row = make(cast.acme, cast.alice)
    put(row, "output", 0, assistant_says("half a sen"), abandoned=True)
    put(row, "output", 1, assistant_says("whole"))
    assert texts(context.of_chain(cast.acme.id, row.pk)) == ["whole"]


def test_our_ids_and_extensions_do_not_go_up(cast):
    row = make(cast.acme, cast.alice)
    put(row, "output", 0, assistant_says("x", **{"deny_web:note": 1}), upstream={"id": "msg_upstream"})
    put(row, "output", 1, assistant_says("y"))
    items = context.of_chain(cast.acme.id, row.pk)
    assert items[0]["id"] == "msg_upstream"
    assert "id" not in items[1]
    assert "deny_web:note" not in items[0]


def test_reasoning_goes_back_exactly_as_it_came(cast):
    row = make(cast.acme, cast.alice)
    body = {"type": "reasoning", "summary": [], "encrypted_content": "opaque"}
    put(row, "output", 0, body, upstream={"id": "rs_upstream"})
    assert context.of_chain(cast.acme.id, row.pk) == [{**body, "id": "rs_upstream"}]


def test_a_reference_is_resolved_among_what_one_may_read_only(cast):
    alice = cast.principal(cast.alice, Role.OWNER)
    theirs = put(make(cast.elsewhere, cast.charlie), "output", 0, assistant_says("theirs"))
    ours = put(make(cast.acme, cast.alice), "output", 0, assistant_says("ours"))
    bobs = put(make(cast.acme, cast.bob), "output", 0, assistant_says("a colleague's"))
    found = references.resolved(alice, [{"type": "item_reference", "id": ours.item_id}])
    assert texts(context.of_items(found)) == ["ours"]
    answers = []
    for foreign in (theirs.item_id, bobs.item_id, "item_that_never_was"):
        with pytest.raises(ApiError) as caught:
            references.resolved(alice, [{"type": "item_reference", "id": foreign}])
        answers.append((caught.value.status, caught.value.as_body()))
    assert answers[0] == answers[1] == answers[2]


def test_a_foreign_response_and_an_absent_one_get_the_same_answer(cast):
    theirs = make(cast.elsewhere, cast.charlie)
    bobs = make(cast.acme, cast.bob)
    answers = []
    for wanted in (theirs.pk, bobs.pk, "resp_that_never_was"):
        with pytest.raises(ApiError) as caught:
            lookup.response(cast.principal(cast.alice, Role.OWNER), wanted)
        answers.append((caught.value.status, caught.value.as_body()))
    assert answers[0] == answers[1] == answers[2]


def asks(request_id):
    return {**call("a"), "type": "mcp_approval_request", "id": request_id}


def kinds(items):
    return [(item["type"], item.get("call_id")) for item in items]


def test_a_call_that_a_person_decided_later_has_its_output_behind_its_step(cast):
    first = make(cast.acme, cast.alice)
    put(first, "output", 0, asks("mcpr_1"), upstream={"call_id": "call_1"})
    put(first, "output", 1, call("b"), upstream={"call_id": "call_2"})
    second = make(cast.acme, cast.alice, parent=first)
    put(second, "input", 0, user_says("yes"))
    answer = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    put(second, "input", 1, answer)
    put(second, "output", 0, call("a", approval_request_id="mcpr_1"))
    items = context.answered(context.of_chain(cast.acme.id, second.pk))
    assert kinds(items) == [
        ("function_call", "mcpr_1"),
        ("function_call", "call_2"),
        ("function_call_output", "call_2"),
        ("function_call_output", "mcpr_1"),
        ("message", None),
    ]
    assert items[3]["output"] == "out of a"


def test_a_question_that_nobody_answered_goes_up_as_denied(cast):
    row = make(cast.acme, cast.alice)
    put(row, "output", 0, asks("mcpr_1"))
    put(row, "output", 1, asks("mcpr_2"))
    items = context.answered([*context.of_chain(cast.acme.id, row.pk), user_says("and now?")])
    assert kinds(items) == [
        ("function_call", "mcpr_1"),
        ("function_call", "mcpr_2"),
        ("function_call_output", "mcpr_1"),
        ("function_call_output", "mcpr_2"),
        ("message", None),
    ]
    assert items[2]["output"] == '{"error":"denied","status":403}'


def test_a_context_without_questions_is_left_as_it_is():
    items = [user_says("x"), {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}]
    assert context.answered(items) is items


def test_an_output_of_a_tool_that_nobody_called_goes_up_as_it_came():
    output = {"type": "function_call_output", "name": "f", "output": "x"}
    context.check_outputs([output, {**output, "call_id": None}], list)
    asked = {"type": "function_call", "call_id": "mcpr_1", "name": "f", "arguments": "{}"}
    assert context.answered([asked, output])[:2] == [asked, output]
