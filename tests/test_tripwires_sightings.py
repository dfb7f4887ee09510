"""Where an armed value is seen, in which dress, and that nothing else raises anything."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from chat import tripwires
from chat.ledger import CallState
from chat.tools import execution
from tenants import access
from tenants.access import Act
from tests import tool_api
from tests.cast import Cast
from tests.test_step_events import feed, make_turn
from tests.tool_api import ToolApi, reply
from tests.tool_bench import Bench, shown
from tests.tripwire_cast import DRESSES, OTHER, PROMISED, VALUE, Trap, arm, message, wait_for
from vault.models import Sighting
from vault.tripwires import armed, tokens

pytestmark = pytest.mark.django_db(transaction=True)
Place = Sighting.Place


@pytest.fixture
def trap(cast: Cast) -> Trap:
    return arm(cast)


@pytest.fixture
def api(settings) -> Iterator[ToolApi]:
    with tool_api.allowed(settings) as api:
        yield api


# --- each place, each dress, and the controls ----------------------------------------------------------------------


@pytest.mark.parametrize("dress", PROMISED)
def test_message_raises_an_alert(trap: Trap, dress: str) -> None:
    owner = access.for_slug("acme")
    tripwires.of_input(owner, [message(f"look: {DRESSES[dress](OTHER)}")])
    assert trap.raised() == []
    tripwires.of_input(owner, [message(f"look: {DRESSES[dress](VALUE)}")], conversation_id="conv_1", detail="browser")
    (row,) = trap.raised()
    assert (row.place, row.who, row.conversation_id, row.detail) == (Place.MESSAGE, "operator", "conv_1", "browser")


@pytest.mark.parametrize(
    "item",
    [
        message(VALUE, "system"),
        {"type": "message", "role": "user", "content": [{"type": "input_file", "filename": "a", "file_data": "x"},
                                                        {"type": "input_text", "text": VALUE}]},
        {"type": "function_call_output", "call_id": "call_1", "output": json.dumps({"key": VALUE})},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": json.dumps({"key": VALUE})},
        {"type": "mcp_approval_response", "approval_request_id": "x", "approve": True, "reason": VALUE},
    ],
)  # fmt: skip
def test_any_text_of_any_item_raises_an_alert(trap: Trap, item: dict[str, Any]) -> None:
    tripwires.of_input(access.for_slug("acme"), [item])
    assert trap.places() == [Place.MESSAGE]


def test_instructions_raise_an_alert(trap: Trap) -> None:
    tripwires.of_input(access.for_slug("acme"), [message("hi")], f"Use {VALUE}.")
    assert trap.places() == [Place.MESSAGE]


def test_own_results_that_a_client_replays_raise_none(trap: Trap) -> None:
    call = {"type": "mcp_call", "server_label": "deny_web", "name": "f", "arguments": "{}", "output": VALUE}
    tripwires.of_input(access.for_slug("acme"), [call])
    assert trap.raised() == []


def step_of(trap: Trap, *items: dict[str, Any]) -> tuple[Any, Any]:
    turn = make_turn()
    turn.tenant_id, turn.account.user_id = trap.cast.acme.pk, trap.cast.bob.pk
    tripwires.opened(turn, armed.of(trap.tenant))
    step = feed(turn, *items)
    tripwires.of_step(turn, step)
    return turn, step


def call_of(arguments: str, name: str = "get_invoice") -> dict[str, Any]:
    return {"type": "function_call", "id": "fc_up", "call_id": "call_1", "name": name, "arguments": arguments}


@pytest.mark.parametrize("dress", PROMISED)
def test_argument_raises_an_alert_and_is_refused(trap: Trap, dress: str) -> None:
    _, step = step_of(trap, call_of(json.dumps({"id": DRESSES[dress](OTHER)})))
    assert (trap.raised(), step.calls[0].refused) == ([], "")
    _, step = step_of(trap, call_of(json.dumps({"id": DRESSES[dress](VALUE)})))
    (row,) = trap.raised()
    assert (row.place, row.detail, row.who, row.stopped) == (Place.ARGUMENT, "get_invoice", "bob@example.com", True)
    assert (row.response_id, row.user_id) == ("resp_x", trap.cast.bob.pk)
    assert step.calls[0].refused == "denied"


def test_argument_is_let_through_where_the_choice_says_so(cast: Cast) -> None:
    trap = arm(cast, stops=False)
    _, step = step_of(trap, call_of(json.dumps({"id": VALUE})))
    assert step.calls[0].refused == ""
    assert [row.stopped for row in trap.raised()] == [False]


def test_argument_of_the_client_s_function_raises_an_alert(trap: Trap) -> None:
    step_of(trap, call_of(json.dumps({"id": VALUE}), "mine"))
    assert [(row.place, row.detail, row.stopped) for row in trap.raised()] == [(Place.ARGUMENT, "mine", False)]


@pytest.mark.parametrize("dress", PROMISED)
def test_words_of_the_model_raise_an_alert(trap: Trap, dress: str) -> None:
    for value, places in ((OTHER, []), (VALUE, [Place.OUTPUT])):
        said = {"type": "output_text", "text": f"It is {DRESSES[dress](value)}.", "annotations": []}
        step_of(trap, {"type": "message", "id": "msg_up", "role": "assistant", "content": [said]})
        assert trap.places() == places


def test_words_of_the_model_raise_none_where_the_choice_says_so(cast: Cast) -> None:
    trap = arm(cast, in_output=False)
    said = {"type": "output_text", "text": VALUE, "annotations": []}
    step_of(trap, {"type": "message", "id": "msg_up", "role": "assistant", "content": [said]})
    assert trap.raised() == []


@pytest.mark.parametrize("dress", PROMISED)
def test_outgoing_request_raises_an_alert_and_is_not_sent(trap: Trap, api: ToolApi, quick: None, dress: str) -> None:
    bench = Bench(trap.cast)
    api.handle("/v1/search", reply({"id": "in_1"}))
    parameters = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    request = {"url": f"{api.url}/v1/search", "method": "POST", "body": {"q": "{a}{b}"}}
    tool = bench.load("", credential=None, parameters=parameters, request=request)
    for value, state, places in ((OTHER, CallState.DONE, []), (VALUE, CallState.FAILED, [Place.OUTGOING])):
        # In two arguments: only the request has it whole.
        text = DRESSES[dress](value)
        call = bench.propose(tool, json.dumps({"a": text[:9], "b": text[9:]}))
        execution.run(call.pk)
        call.refresh_from_db()
        assert (call.state, trap.places()) == (state, places)
    assert shown(call)["error"] == "denied"
    assert len(api.requests) == 1
    (row,) = trap.raised()
    assert (row.stopped, row.response_id, row.detail) == (True, bench.response.pk, f"get_invoice, {api.host}")


def test_credential_of_a_call_is_not_looked_at(cast: Cast, api: ToolApi, quick: None) -> None:
    """The vault's values are no honeytokens, not even where somebody armed an equal one."""
    trap, bench = arm(cast), Bench(cast)
    bench.unlock(VALUE.encode())
    api.handle("/v1/invoices/in_1", reply({"id": "in_1"}))
    call = bench.propose(bench.load(f"{api.url}/v1/invoices/{{id}}"))
    execution.run(call.pk)
    assert shown(call)["error"] is None
    assert VALUE in api.requests[0].headers["authorization"]
    assert trap.raised() == []


def test_planted_value_goes_with_the_result(trap: Trap, api: ToolApi, quick: None) -> None:
    bench = Bench(trap.cast)
    tokens.plant(trap.token, VALUE, in_prompt=False, in_results=["get_invoice"], note="No: {value}", acting=bench.owner)
    api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    call = bench.propose(bench.load(f"{api.url}/v1/invoices/{{id}}", credential=None))
    execution.run(call.pk)
    assert json.loads(shown(call)["output"])["note"] == f"No: {VALUE}"
    assert trap.raised() == []


@pytest.mark.parametrize("output", ["null", "[1]", '{"note": "taken"}', '"text"'])
def test_planted_value_goes_with_any_result(trap: Trap, cast: Cast, output: str) -> None:
    tokens.plant(trap.token, VALUE, in_prompt=False, in_results=["f"], note="No: {value}", acting=cast.owner)
    told = json.loads(tripwires.with_planted(armed.of(trap.tenant), "f", output))
    assert told == {"result": json.loads(output), "note": f"No: {VALUE}"}
    assert tripwires.with_planted(armed.of(trap.tenant), "g", output) == output


@pytest.mark.parametrize(
    "header", ["Bearer {}", "bearer  {} ", "Token {}", "Basic 64:{}", "Basic 64:{}:", "Basic 64:name:{}"]
)
def test_api_key_raises_an_alert_and_gets_the_answer_of_any_bad_key(trap: Trap, header: str) -> None:
    def said(value: str) -> str:
        scheme, _, rest = header.format(value).partition("64:")
        return scheme + base64.b64encode(rest.encode()).decode() if rest else scheme

    refusals = []
    for value in (OTHER, VALUE):
        with pytest.raises(access.Unauthenticated) as refusal:
            access.for_bearer(said(value), Act.CHAT)
        refusals.append(str(refusal.value))
    assert refusals[0] == refusals[1]
    (row,) = wait_for(trap, 1)
    assert (row.place, row.user_id, row.api_key_id) == (Place.API_KEY, None, None)


def test_api_key_s_caller_waits_for_no_query_hit_or_miss(
    trap: Trap, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """A row that is read for a hit alone tells a bait by the clock."""
    for value in (OTHER, VALUE):
        with django_assert_num_queries(0), pytest.raises(access.Unauthenticated):
            access.for_bearer(f"Bearer {value}", Act.CHAT)
    assert len(wait_for(trap, 1)) == 1


def test_fake_key_of_ours_is_seen_at_our_own_door(cast: Cast) -> None:
    token, value = tokens.make("env file", tokens.API_KEY, acting=cast.owner)
    with pytest.raises(access.Unauthenticated):
        access.for_bearer(f"Bearer {value}", Act.READ)
    (row,) = wait_for(Trap(cast, token), 1)
    assert row.name == "env file"
