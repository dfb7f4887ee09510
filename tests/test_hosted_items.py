"""Items and events of tools that an upstream runs: kept whole on the way out and on the way back up.

Made from the union types of the installed SDK: a kind that it adds is here with it.
"""

from typing import Any

import pytest
from openai.types.responses import ResponseInputItem, ResponseOutputItem, ResponseStreamEvent

from chat import context, kinds, params
from chat.errors import ApiError
from chat.models import Item
from chat.output import Output
from chat.step import Step
from tests.samples import Json, kind, members, variants
from tests.test_step_events import make_turn

OUTPUTS = members(ResponseOutputItem)
INPUTS = members(ResponseInputItem)
EVENTS = members(ResponseStreamEvent)
# Said about the response as a whole, which is ours to say; `error` ends it.
OF_THE_RESPONSE = {
    *("response.created", "response.in_progress", "response.queued", "error"),
    *("response.completed", "response.incomplete", "response.failed"),
}
ASKED = {"include": ["reasoning.encrypted_content"]}


def turn_for(item: Json) -> Any:
    turn = make_turn(**ASKED)
    turn.client_functions = frozenset({str(item.get("name"))})
    return turn


def feed(turn: Any, *items: Json) -> Step:
    step = Step(turn)
    for index, item in enumerate(items):
        step.feed({"type": "response.output_item.added", "output_index": index, "item": item})
        step.feed({"type": "response.output_item.done", "output_index": index, "item": item})
    step.feed({"type": "response.completed", "response": {"id": "resp_up"}})
    return step


def but_its_id(item: Json) -> Json:
    return {key: value for key, value in item.items() if key != "id"}


def told_back(item: Json) -> Json:
    """What goes up of an item: all of it. A stopped answer is part of what was said."""
    stopped = item["type"] == "message" and item.get("status") == "incomplete"
    return {**item, "status": "completed"} if stopped else item


def test_there_is_something_to_keep() -> None:
    kinds_ = {kind(model) for model in OUTPUTS}
    assert {"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call"} <= kinds_
    assert {"mcp_list_tools", "mcp_approval_request", "computer_call", "apply_patch_call", "compaction"} <= kinds_
    assert len(EVENTS) > 50


@pytest.mark.parametrize("model", OUTPUTS, ids=kind)
def test_an_output_item_comes_out_as_it_came_and_goes_back_up_as_it_came(model: Any) -> None:
    for item in variants(model):
        if item["type"] == "mcp_approval_response":
            continue  # between a person and a server; see below
        turn = turn_for(item)
        feed(turn, item)
        shown = turn.output.snapshot(0)
        assert but_its_id(shown) == but_its_id(item)
        if "id" in item:
            assert shown["id"] != item["id"]
        row = Item(item_id=shown["id"], body=shown, upstream=turn.upstream_names[0])
        for told in (context.of_outputs(turn, 0), context.of_items([row])):
            assert context.answered(told) == [told_back(item)]


@pytest.mark.parametrize("model", INPUTS, ids=kind)
def test_an_input_item_goes_up_as_it_came(model: Any) -> None:
    for item in variants(model):
        if item.get("type") in ("item_reference", "mcp_approval_response"):
            continue  # resolved, or ours to act on
        (parsed,) = params.input_items([item])
        (told,) = context.of_input([parsed])
        if parsed["type"] == "message":  # its text may come as a string, and is a part from then on
            item |= {"type": "message", "content": parsed["content"]}
        assert told == told_back(item if kinds.keeps_id(parsed) else but_its_id(item))


@pytest.mark.parametrize("model", EVENTS, ids=kind)
def test_an_event_comes_out_as_it_came(model: Any) -> None:
    for event in variants(model):
        if event["type"] in OF_THE_RESPONSE or event["type"].startswith("response.output_item."):
            continue
        turn = make_turn(**ASKED)
        step = Step(turn)
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        item = {"type": "web_search_call", "id": "ws_up", "status": "in_progress", "content": [part]}
        step.feed({"type": "response.output_item.added", "output_index": 0, "item": item})
        sent = {**event, "output_index": 0} if "output_index" in event else event
        step.feed(dict(sent))
        told = turn.log.frames[-1].event()
        ours = {"sequence_number": 1, **({"item_id": turn.output.items[0]["id"]} if "item_id" in event else {})}
        assert told == {**sent, **ours}


# --- references between items -----------------------------------------------------------------------------------


def test_a_question_of_a_foreign_server_is_answered_under_our_name_and_told_under_its_own() -> None:
    asks = {"type": "mcp_approval_request", "id": "mcpr_0up", "server_label": "theirs", "name": "f", "arguments": "{}"}
    turn = make_turn()
    step = feed(turn, asks)
    assert step.client_calls == 1  # the turn ends: its client has to answer
    shown = turn.output.snapshot(0)
    assert kinds.is_foreign_request(shown["id"])
    answer = {"type": "mcp_approval_response", "approval_request_id": shown["id"], "approve": True}
    history = [*context.of_outputs(turn, 0), *context.of_input([answer])]
    assert context.answered(history) == [asks, {**answer, "approval_request_id": "mcpr_0up"}]
    later = make_turn()
    later.context = history
    call = {"type": "mcp_call", "id": "mcp_up", "server_label": "theirs", "name": "f", "arguments": "{}"}
    feed(later, {**call, "approval_request_id": "mcpr_0up"})
    assert later.output.snapshot(0)["approval_request_id"] == shown["id"]
    told = context.answered([*history, *context.of_outputs(later, 0)])
    assert told[-1] == {**call, "approval_request_id": "mcpr_0up"}


@pytest.mark.parametrize(
    ("items", "owed"),
    [
        ([{"type": "computer_call", "call_id": "c"}], 1),
        ([{"type": "local_shell_call", "call_id": "c"}], 1),
        ([{"type": "apply_patch_call", "call_id": "c"}], 1),
        ([{"type": "shell_call", "call_id": "c"}], 1),
        ([{"type": "shell_call", "call_id": "c"}, {"type": "shell_call_output", "call_id": "c"}], 0),
        ([{"type": "tool_search_call", "call_id": "c", "execution": "client"}], 1),
        ([{"type": "tool_search_call", "call_id": "c", "execution": "server"}], 0),
        ([{"type": "web_search_call"}], 0),
        ([{"type": "mcp_approval_request", "server_label": "deny_web", "id": "mcpr_0"}], 0),
    ],
)
def test_what_a_client_has_to_act_on_ends_the_turn(items: list[Json], owed: int) -> None:
    assert len(kinds.owed(items)) == owed


def test_functions_that_a_search_brought_belong_to_the_client() -> None:
    found = {"type": "tool_search_output", "tools": [{"type": "function", "name": "found"}]}
    added = {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "added"}]}
    assert kinds.functions_in([found, added, {"type": "additional_tools", "tools": 3}]) == {"found", "added"}


def test_a_reasoning_item_whose_content_comes_late_is_folded() -> None:
    output = Output()
    item: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "content": None}
    output.apply({"type": "response.output_item.added", "output_index": 0, "item": item})
    part = {"type": "reasoning_text", "text": "Hm."}
    output.apply({"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": part})
    assert output.snapshot(0)["content"] == [part]


def test_sealed_reasoning_that_a_client_kept_goes_up_without_our_name_for_it() -> None:
    sealed = {"type": "reasoning", "id": "rs_ours", "summary": [], "encrypted_content": "sealed"}
    assert context.of_input([sealed]) == [but_its_id(sealed)]


def test_reasoning_without_a_seal_or_words_is_not_told() -> None:
    """An upstream that keeps nothing would look for its id, and answer 404."""
    bare: Json = {"type": "reasoning", "id": "rs_ours", "summary": [{"type": "summary_text", "text": "Hm."}]}
    assert context.of_input([bare, {**bare, "encrypted_content": None}, {**bare, "content": []}]) == []
    assert context.of_items([Item(item_id="rs_ours", body=bare, upstream={"id": "rs_up"})]) == []
    turn = make_turn()
    feed(turn, {**bare, "id": "rs_up"})
    assert context.of_outputs(turn, 0) == []
    open_words = {**bare, "content": [{"type": "reasoning_text", "text": "Hm."}]}
    assert context.of_input([open_words]) == [open_words]


def test_an_upstream_s_word_on_its_answer_is_shown() -> None:
    turn = make_turn()
    told = {"id": "resp_up", "moderation": {"input": {"flagged": True}}, "service_tier": "flex", "temperature": 0.1}
    Step(turn).feed({"type": "response.completed", "response": told})
    assert turn.details == {"moderation": {"input": {"flagged": True}}, "service_tier": "flex"}
    assert turn.object("completed")["service_tier"] == "flex"


def test_an_answer_to_a_call_needs_the_call() -> None:
    output = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
    call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
    context.check_outputs([call, output], list)
    context.check_outputs([output], lambda: [call])
    context.check_outputs([output], lambda: [{"type": "compaction", "encrypted_content": "x"}])
    with pytest.raises(ApiError) as caught:
        context.check_outputs([{"type": "message"}, output], lambda: [{**call, "call_id": "call_2"}])
    assert (caught.value.code, caught.value.param) == ("tool_call_not_found", "input[1].call_id")
