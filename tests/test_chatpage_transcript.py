"""What the chat page shows of stored responses."""

from typing import Any

import pytest
from django.utils import timezone

from chat import transcript
from chat.models import Conversation, Door, Item, Response, Status
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation(cast: Cast) -> Conversation:
    return Conversation.objects.create(tenant=cast.acme, created_by=cast.alice, title="T", changed_at=timezone.now())


def add_turn(
    conversation: Conversation,
    said: str,
    *output: dict[str, Any],
    parent: Response | None = None,
    status: Status = Status.COMPLETED,
    abandoned: tuple[int, ...] = (),
    **fields: Any,
) -> Response:
    """A stored response, which becomes the conversation's leaf."""
    row = Response.objects.create(
        tenant=conversation.tenant,
        conversation=conversation,
        parent=parent,
        user=conversation.created_by,
        door=Door.BROWSER,
        status=status,
        request={},
        **fields,
    )
    question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": said}]}
    for direction, items in (("input", [question]), ("output", output)):
        for place, body in enumerate(items):
            Item.objects.create(
                tenant=conversation.tenant,
                response=row,
                direction=direction,
                position=place,
                item_id=f"item_{row.pk[-6:]}_{direction}_{place}",
                abandoned=direction == "output" and place in abandoned,
                body=body,
            )
    conversation.leaf = row
    conversation.save(update_fields=["leaf"])
    return row


def message(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def call(**more: Any) -> dict[str, Any]:
    return {"type": "mcp_call", "name": "get_invoice", "arguments": '{"id":"in_1"}', "status": "completed"} | more


def test_turns_stand_in_the_order_of_the_chain(conversation: Conversation) -> None:
    first = add_turn(conversation, "one", message("1"))
    add_turn(conversation, "two", message("2"), parent=first)
    assert [(turn.text, turn.parts[0].text) for turn in transcript.turns(conversation)] == [("one", "1"), ("two", "2")]


def test_a_branch_that_was_left_is_not_shown(conversation: Conversation) -> None:
    first = add_turn(conversation, "one", message("1"))
    add_turn(conversation, "left", message("x"), parent=first)
    add_turn(conversation, "taken", message("2"), parent=first)
    assert [turn.text for turn in transcript.turns(conversation)] == ["one", "taken"]


def test_the_newest_turns_are_kept_when_there_are_too_many(conversation: Conversation, monkeypatch: Any) -> None:
    monkeypatch.setattr(transcript, "MAX_TURNS", 2)
    row = None
    for said in ("one", "two", "three"):
        row = add_turn(conversation, said, message("x"), parent=row)
    assert [turn.text for turn in transcript.turns(conversation)] == ["two", "three"]


def test_a_page_costs_two_queries_however_long_it_is(
    conversation: Conversation, django_assert_num_queries: Any
) -> None:
    row = None
    for said in ("one", "two", "three"):
        row = add_turn(conversation, said, message("x"), parent=row)
    with django_assert_num_queries(2):
        assert len(transcript.turns(conversation)) == 3


def test_a_running_answer_is_left_to_its_events(conversation: Conversation) -> None:
    add_turn(conversation, "now", message("half of"), status=Status.IN_PROGRESS)
    (turn,) = transcript.turns(conversation)
    assert turn.is_active
    assert turn.parts == []


@pytest.mark.parametrize(
    ("status", "fields", "words"),
    [
        (Status.FAILED, {"error": {"code": "upstream_cut", "message": "…"}}, "broke off"),
        (Status.FAILED, {"error": {"code": "from_the_future", "message": "…"}}, "Something went wrong"),
        (Status.FAILED, {"error": None}, "Something went wrong"),
        (Status.INCOMPLETE, {"incomplete": {"reason": None, "deny_web:reason": "stopped"}}, "Stopped."),
        (Status.INCOMPLETE, {"incomplete": {"reason": None, "deny_web:reason": "max_steps"}}, "as many steps"),
        (Status.INCOMPLETE, {"incomplete": {"reason": "max_output_tokens"}}, "length limit"),
        (Status.INCOMPLETE, {"incomplete": {"reason": "content_filter"}}, "content filter"),
        (Status.CANCELLED, {}, "Stopped."),
        (Status.COMPLETED, {}, ""),
    ],
)
def test_an_ending_says_what_happened(
    conversation: Conversation, status: Status, fields: dict[str, Any], words: str
) -> None:
    add_turn(conversation, "x", status=status, **fields)
    note = transcript.turns(conversation)[0].note
    assert words in note
    assert bool(note) == bool(words)


def test_every_kind_of_item_has_its_part(conversation: Conversation) -> None:
    add_turn(
        conversation,
        "x",
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Thought."}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "opaque"},
        call(output="{}"),
        {"type": "message", "content": [{"type": "refusal", "refusal": "No."}, {"type": "output_text", "text": ""}]},
        {"type": "function_call", "name": "theirs", "arguments": "{}"},
        {"type": "from_the_future", "anything": 1},
        message("Said."),
    )
    parts = transcript.turns(conversation)[0].parts
    assert [part.kind for part in parts] == ["reasoning", "tool", "refusal", "function", "markdown"]


def test_a_step_that_a_dead_host_left_is_marked_as_given_up(conversation: Conversation) -> None:
    add_turn(conversation, "x", message("half"), message("whole"), abandoned=(0,))
    assert [part.abandoned for part in transcript.turns(conversation)[0].parts] == [True, False]


def test_what_a_stop_cut_short_is_not_marked_as_given_up(conversation: Conversation) -> None:
    add_turn(conversation, "x", message("said"), call(status="incomplete"), abandoned=(1,), status=Status.INCOMPLETE)
    assert [part.abandoned for part in transcript.turns(conversation)[0].parts] == [False, False]


def execution_error(content: object) -> dict[str, object]:
    return {"type": "mcp_tool_execution_error", "content": content}


@pytest.mark.parametrize(
    ("item", "state"),
    [
        (call(output="{}"), "done"),
        (call(status="failed", error=execution_error("vault_locked")), "locked"),
        (call(status="failed", error=execution_error({"error": "result_withheld", "status": 502})), "withheld"),
        (call(status="failed", error=execution_error({"error": "denied"})), "denied"),
        (call(status="failed", error=execution_error({"error": "outcome_unknown"})), "unknown"),
        (call(status="failed", error=execution_error({"error": "upstream_error"})), "failed"),
        (call(status="failed", error=None), "failed"),
        (call(status="incomplete"), "stopped"),
    ],
)
def test_a_tool_call_shows_its_outcome(item: dict[str, Any], state: str) -> None:
    card = transcript.tool_call(item)
    assert card["state"] == state
    assert bool(card["reason"]) == (state != "done")


def test_a_tool_call_shows_both_sides() -> None:
    request = {
        "method": "GET",
        "host": "api.stripe.com",
        "path": "/v1/invoices/in_1",
        "status": 200,
        "duration_ms": 142,
        "credential": "stripe-prod",
    }
    card = transcript.tool_call(call(output='{"id":"in_1","due":1.10}', **{"deny_web:request": request}))
    assert card["time"] == "142 ms"
    assert card["credential"] == "stripe-prod"
    assert card["quiet"] == ""
    assert card["result"] == '{\n  "id": "in_1",\n  "due": 1.10\n}'


def test_a_call_that_was_not_sent_says_so() -> None:
    assert transcript.tool_call(call(status="failed"))["quiet"] == "Nothing was sent."


@pytest.mark.parametrize("text", ["not json {", "[" * 5000, "[" * 200 + "]" * 200])
def test_what_cannot_be_laid_out_is_shown_as_it_came(text: str) -> None:
    assert transcript.tool_call(call(output=text))["result"] == text


@pytest.mark.parametrize(
    "text", ['{"a":[],"b":{},"c":"{,}\\n\\"[","d":1e400,"n":12345678901234567890}', "[[1],[]]", '"x"']
)
def test_laying_out_changes_blanks_only(text: str) -> None:
    shown = transcript.tool_call(call(output=text))["result"]
    assert "".join(shown.split()) == "".join(text.split())
