"""How a request narrows the workspace's tools, and what then goes up: only ever less, and never a word about others."""

from typing import Any

import pytest

from chat import calls, narrowing
from chat.errors import ApiError
from chat.step import Step
from chat.turn import Offer
from tests.test_step_events import make_turn

Json = dict[str, Any]


def offer(name: str, number: int, method: str = "GET", approval: str = "auto") -> Offer:
    return Offer(number, {"type": "function", "name": name}, approval, {"method": method})


AVAILABLE = {
    "look": offer("look", 1),
    "pay": offer("pay", 2, "POST"),
    "ask": offer("ask", 3, "POST", "ask"),
}
MINE = {"type": "function", "name": "mine"}
OWN: Json = {"type": "mcp", "server_label": "deny_web"}


def left(**request: Any) -> dict[str, Offer]:
    wanted = narrowing.read(request)
    wanted.check(AVAILABLE)
    found = wanted.of(AVAILABLE)
    wanted.check_choice(found)
    return found


def names(**request: Any) -> list[str]:
    return list(left(**request))


def own(**more: Any) -> list[Json]:
    return [{**OWN, **more}]


def some(*tools: Json, mode: str = "auto") -> Json:
    return {"type": "allowed_tools", "mode": mode, "tools": list(tools)}


def test_a_request_that_says_nothing_is_offered_everything():
    assert names() == names(tools=[MINE], tool_choice="required") == names(tools=own()) == list(AVAILABLE)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"tools": own(allowed_tools=["look"])}, ["look"]),
        ({"tools": own(allowed_tools=[])}, []),
        ({"tools": own(allowed_tools={"tool_names": ["look", "pay"]})}, ["look", "pay"]),
        ({"tools": own(allowed_tools={"read_only": True})}, ["look"]),
        ({"tools": own(allowed_tools={"read_only": False})}, ["pay", "ask"]),
        ({"tools": own(allowed_tools={"tool_names": ["look", "pay"], "read_only": False})}, ["pay"]),
        ({"deny_web:tools": []}, []),
        ({"deny_web:tools": ["pay"]}, ["pay"]),
        ({"tool_choice": some({**OWN, "name": "pay"})}, ["pay"]),
        ({"tool_choice": some(OWN)}, ["look", "pay", "ask"]),
        ({"tool_choice": some(MINE)}, []),
        ({"tool_choice": some({"type": "function", "name": "look"})}, ["look"]),
        ({"tools": own(allowed_tools=["look", "pay"]), "deny_web:tools": ["pay", "ask"]}, ["pay"]),
        ({"tools": own(allowed_tools=["look"]), "tool_choice": some({**OWN, "name": "pay"})}, []),
        ({"tools": own(server_url="https://example.com/mcp", server_description="x")}, ["look", "pay", "ask"]),
    ],
)
def test_each_form_takes_away(request_, expected):
    assert names(**request_) == expected


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({"tools": own(allowed_tools=["look", "NAME"])}, "tools[0].allowed_tools"),
        ({"tools": own(allowed_tools={"tool_names": ["NAME"]})}, "tools[0].allowed_tools.tool_names"),
        ({"tools": own(require_approval={"always": ["NAME"]})}, "tools[0].require_approval.always"),
        ({"deny_web:tools": ["NAME"]}, "deny_web:tools"),
        ({"tool_choice": some({**OWN, "name": "NAME"})}, "tool_choice.tools"),
        ({"tool_choice": {**OWN, "name": "NAME"}}, "tool_choice"),
        ({"tools": own(allowed_tools=["look"]), "tool_choice": {**OWN, "name": "pay"}}, "tool_choice"),
        ({"tools": own(allowed_tools=[]), "tool_choice": OWN}, "tool_choice"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_offered_is_refused_in_one_sentence(request_, param):
    with pytest.raises(ApiError) as caught:
        left(**request_)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "tool_not_offered", param)
    assert caught.value.message == "No tool of this name is offered to this request."


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({"tools": own(allowed_tools="look")}, "tools[0].allowed_tools"),
        ({"tools": own(allowed_tools=[1])}, "tools[0].allowed_tools"),
        ({"tools": own(allowed_tools={"read_only": "yes"})}, "tools[0].allowed_tools.read_only"),
        ({"tools": own(require_approval="perhaps")}, "tools[0].require_approval"),
        ({"tools": own() * 2}, "tools[1].server_label"),
        ({"tools": own(authorization="a-token")}, "tools[0].authorization"),
        ({"tools": own(headers={"X": "y"})}, "tools[0].headers"),
        ({"tools": own(connector_id="connector_gmail")}, "tools[0].connector_id"),
        ({"deny_web:tools": "look"}, "deny_web:tools"),
        ({"tool_choice": {"type": "allowed_tools", "tools": []}}, "tool_choice.mode"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": ["look"]}}, "tool_choice.tools"),
        ({"tool_choice": some({**OWN, "name": 3})}, "tool_choice.tools"),
        ({"tool_choice": {**OWN, "name": []}}, "tool_choice.name"),
    ],
)
def test_what_is_malformed_is_named(request_, param):
    with pytest.raises(ApiError) as caught:
        left(**request_)
    assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize(
    ("value", "asking"),
    [
        ("always", {"look", "pay", "ask"}),
        ("never", {"ask"}),  # what the workspace asks about is asked all the same
        ({"always": {"tool_names": ["pay"]}}, {"pay", "ask"}),
        ({"always": {"read_only": False}}, {"pay", "ask"}),
        ({"never": {"tool_names": ["ask"]}}, {"ask"}),
        ({}, {"ask"}),
    ],
)
def test_a_request_can_have_more_asked_and_never_less(value, asking):
    found = left(tools=own(require_approval=value))
    assert {name for name, one in found.items() if one.approval == "ask"} == asking
    assert AVAILABLE["pay"].approval == "auto"


# --- what goes up -----------------------------------------------------------------------------------------------


def body(offers: dict[str, Offer] = AVAILABLE, step: int = 0, **request: Any) -> Json:
    turn = make_turn(**request)
    turn.offers, turn.step = offers, step
    made = dict(request)
    calls.put_tools(turn, made)
    return made


def function(name: str) -> Json:
    return {"type": "function", "name": name}


def test_the_entry_for_our_own_tools_never_goes_up_and_foreign_ones_do():
    theirs = {"type": "mcp", "server_label": "theirs", "server_url": "https://example.com/mcp"}
    tools = [*own(allowed_tools=["look"]), theirs, MINE]
    assert body(left(tools=tools), tools=tools)["tools"] == [theirs, MINE, function("look")]
    assert "tools" not in body({}, tools=own(allowed_tools=[]))


@pytest.mark.parametrize(
    ("tools", "choice", "first", "again"),
    [
        ([], "required", "required", "auto"),
        ([], "none", "none", "none"),
        ([MINE], function("mine"), function("mine"), "auto"),
        ([], {**OWN, "name": "pay"}, function("pay"), "auto"),
        ([], OWN, "required", "auto"),
        ([MINE], OWN, some(*map(function, AVAILABLE), mode="required"), "auto"),
        ([], some(OWN), "auto", "auto"),
        ([], some({**OWN, "name": "pay"}, mode="required"), "required", "auto"),
        ([MINE], some(OWN), some(*map(function, AVAILABLE)), some(*map(function, AVAILABLE))),
        ([MINE], some(MINE, {**OWN, "name": "pay"}), some(MINE, function("pay")), some(MINE, function("pay"))),
        ([MINE], some(MINE, mode="required"), some(MINE, mode="required"), some(MINE, mode="auto")),
        ([], some(MINE), some(MINE), some(MINE)),
    ],
)
def test_a_choice_goes_up_in_terms_of_functions(tools, choice, first, again):
    offers = left(tools=tools, tool_choice=choice)
    assert body(offers, tools=tools, tool_choice=choice)["tool_choice"] == first
    assert body(offers, step=1, tools=tools, tool_choice=choice)["tool_choice"] == again


def test_a_choice_among_tools_that_went_away_is_none():
    assert body({}, tools=own(), tool_choice=some(OWN))["tool_choice"] == "none"
    assert body({}, tool_choice={**OWN, "name": "pay"})["tool_choice"] == "auto"


def test_deferred_tools_go_up_deferred():
    assert all(one.schema["defer_loading"] for one in left(tools=own(defer_loading=True)).values())


# --- how many calls ---------------------------------------------------------------------------------------------

FOUND = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}}


def called(name: str, number: int) -> Json:
    return {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": name, "arguments": "{}"}


def fed(*items: Json, **request: Any) -> tuple[Any, Step]:
    turn = make_turn(**request)
    turn.offers = dict(AVAILABLE)
    step = Step(turn)
    for index, item in enumerate(items):
        step.feed({"type": "response.output_item.done", "output_index": index, "item": item})
    return turn, step


def refused(turn: Any, step: Step) -> list[str]:
    return [one.refused for one in calls.proposed(turn, step)]


def test_calls_beyond_the_limit_are_refused_and_no_more_are_offered():
    turn, step = fed(called("look", 1), called("look", 2), called("look", 3), max_tool_calls=2)
    assert refused(turn, step) == ["", "", "too_many_calls"]
    turn.step = 1
    made: Json = {"tools": [MINE, {"type": "web_search"}], "max_tool_calls": 2}
    calls.put_tools(turn, made)
    assert made == {"tools": [MINE]}


def test_hosted_calls_count_and_the_client_s_functions_do_not():
    turn, step = fed(FOUND, called("mine", 1), called("look", 2), called("look", 3), max_tool_calls=2)
    assert refused(turn, step) == ["", "too_many_calls"]


def test_a_call_that_is_asked_about_counts_once():
    turn, step = fed(called("ask", 1), called("look", 2), max_tool_calls=1)
    assert refused(turn, step) == ["", "too_many_calls"]
    assert [one.asks for one in calls.proposed(turn, step)] == [True, False]


def test_what_is_left_goes_up_for_the_tools_of_the_upstream():
    turn, _ = fed(FOUND, max_tool_calls=3)
    made: Json = {"tools": [{"type": "web_search"}], "max_tool_calls": 3}
    calls.put_tools(turn, made)
    assert made["max_tool_calls"] == 2
    assert len(made["tools"]) == 1 + len(AVAILABLE)


def test_without_parallel_calls_a_step_has_one():
    assert refused(*fed(called("look", 1), called("pay", 2), parallel_tool_calls=False)) == ["", "too_many_calls"]
    assert refused(*fed(called("mine", 1), called("pay", 2), parallel_tool_calls=False)) == ["too_many_calls"]
    assert refused(*fed(called("look", 1), called("pay", 2), parallel_tool_calls=True)) == ["", ""]
