"""The ledger's moves: each once, each by the one who may."""

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from chat import ledger, overdue
from chat.ledger import Late
from chat.models import CallState, ToolCall
from chat.tools import actions, outcome
from tenants import audit
from tenants.access import Principal
from tenants.models import AuditRow, Role
from tests.tool_api import tool
from tests.tool_bench import Bench, shown

URL = "https://api.example.com/v1/invoices/{id}"
GOOD = outcome.success('{"id":"in_1"}', {})


@pytest.fixture
def bench(cast) -> Bench:
    return Bench(cast)


def late(call: ToolCall, **changes: object) -> None:
    """The call's time has passed."""
    ToolCall.objects.filter(pk=call.pk).update(deadline=timezone.now() - timedelta(seconds=1), **changes)


def state(call: ToolCall) -> str:
    call.refresh_from_db()
    return call.state


def claimed(call: ToolCall) -> ledger.Claim:
    claim = ledger.claim(call.pk)
    assert claim is not None
    return claim


# --- being born -------------------------------------------------------------------------------------------------


def test_a_good_call_is_queued_with_its_arguments_fixed(bench):
    call = bench.propose(bench.load(URL))
    assert call.state == CallState.QUEUED
    assert call.args_hash == ledger.args_hash(call)
    call.args = '{"id": "in_2"}'
    assert call.args_hash != ledger.args_hash(call)


def test_an_unknown_tool_is_an_error_for_the_model(bench):
    result = shown(bench.propose(None, name="nonsense"))
    assert result["output"] == '{"error":"tool_not_found","status":404}'


def test_bad_arguments_are_an_error_for_the_model(bench):
    result = shown(bench.propose(bench.load(URL), '{"id": 7}'))
    assert (result["error"], result["request"]) == ("invalid_arguments", None)


def test_a_tool_that_is_never_allowed_is_denied_at_once(bench):
    call = bench.propose(bench.load(URL, approval="never"))
    assert (call.state, shown(call)["error"]) == (CallState.DENIED, "denied")


@pytest.mark.db_matrix
def test_what_an_upstream_sends_amiss_is_kept_as_an_error(bench):
    made = bench.load(URL)
    calls = [ledger.ProposedCall("same", f"mcp_{n}", "get_invoice", '{"id": "in_1"}', made.current_id) for n in (1, 2)]
    odd = ledger.ProposedCall("x\0" * 200, "mcp_3", "n\0" * 99, '{"id": "\0\ud800"}', made.current_id)
    assert len(ledger.propose(bench.cast.acme.pk, bench.response.pk, bench.step.pk, [*calls, odd], lease_id="")) == 2
    assert shown(ToolCall.objects.get(item_id="mcp_3"))["error"] == "invalid_arguments"


def test_a_version_of_another_workspace_is_no_tool(bench, cast):
    elsewhere = Principal(cast.elsewhere, Role.OWNER, cast.charlie)
    (foreign,) = actions.load_tools(cast.elsewhere, [tool(URL)], actor=elsewhere)
    assert shown(bench.propose(foreign))["error"] == "tool_not_found"


# --- a worker's way ---------------------------------------------------------------------------------------------


def test_of_ten_deliveries_one_gets_the_call(bench):
    call = bench.propose(bench.load(URL))
    claims = [ledger.claim(call.pk) for _ in range(10)]
    assert len([claim for claim in claims if claim]) == 1


def test_the_way_of_a_call(bench):
    call = bench.propose(bench.load(URL))
    claim = claimed(call)
    ledger.begin_sending(claim, {"host": "api.example.com"})
    assert state(call) == CallState.SENDING
    assert ledger.finish(claim, CallState.DONE, GOOD)
    assert (state(call), shown(call)) == (CallState.DONE, GOOD)
    assert call.ended_at


def test_an_outcome_is_written_once(bench):
    call = bench.propose(bench.load(URL))
    claim = claimed(call)
    ledger.begin_sending(claim, {})
    assert ledger.finish(claim, CallState.DONE, GOOD)
    assert not ledger.finish(claim, CallState.FAILED, outcome.failure(ledger.ToolError("upstream_error")))
    assert shown(call) == GOOD


def test_the_audit_row_stands_when_the_request_goes_out(bench):
    claim = claimed(bench.propose(bench.load(URL)))
    ledger.begin_sending(claim, {"host": "api.example.com", "credential": "stripe-prod"})
    row = AuditRow.objects.get(verb="tool.call")
    assert (row.actor, row.subject, row.detail["credential"]) == ("worker", "get_invoice", "stripe-prod")


def test_without_its_audit_row_no_request_begins(bench, monkeypatch):
    call = bench.propose(bench.load(URL))
    claim = claimed(call)

    def refuse(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(audit, "record", refuse)
    with pytest.raises(DatabaseError):
        ledger.begin_sending(claim, {})
    assert state(call) == CallState.CLAIMED
    assert not AuditRow.objects.filter(verb="tool.call").exists()


def test_a_worker_past_its_deadline_may_not_send(bench):
    call = bench.propose(bench.load(URL))
    claim = claimed(call)
    late(call)
    with pytest.raises(Late):
        ledger.begin_sending(claim, {})


def test_a_worker_that_was_overtaken_may_not_send(bench):
    call = bench.propose(bench.load(URL))
    first = claimed(call)
    late(call)
    overdue.recover()
    second = claimed(call)
    with pytest.raises(Late):
        ledger.begin_sending(first, {})
    ledger.begin_sending(second, {})


def test_a_worker_that_was_overtaken_while_sending_writes_nothing(bench):
    call = bench.propose(bench.load(URL))
    first = claimed(call)
    ledger.begin_sending(first, {})
    late(call)
    overdue.recover()
    assert not ledger.renew(first)
    assert not ledger.finish(first, CallState.DONE, GOOD)
    assert state(call) == CallState.QUEUED


def test_a_sign_of_life_keeps_the_call(bench):
    call = bench.propose(bench.load(URL))
    claim = claimed(call)
    ledger.begin_sending(claim, {})
    late(call)
    assert ledger.renew(claim)
    overdue.recover()
    assert state(call) == CallState.SENDING


def test_a_move_that_the_picture_does_not_show_is_a_mistake_in_the_program(bench):
    call = bench.propose(bench.load(URL))
    with pytest.raises(AssertionError):
        ledger.move(ToolCall.objects.filter(pk=call.pk), CallState.QUEUED, CallState.DONE)


# --- what is lost -----------------------------------------------------------------------------------------------


def test_a_message_that_was_lost_is_sent_again(bench):
    call = bench.propose(bench.load(URL))
    late(call)
    assert overdue.recover() == 1
    assert overdue.recover() == 0
    assert claimed(call)


def test_a_call_whose_worker_died_before_sending_is_queued_again(bench):
    call = bench.propose(bench.load(URL, request={"idempotent": False}))
    claimed(call)
    late(call)
    overdue.recover()
    assert state(call) == CallState.QUEUED


def test_an_idempotent_call_whose_worker_died_while_sending_goes_again_under_the_same_key(bench):
    call = bench.propose(bench.load(URL))
    ledger.begin_sending(claimed(call), {})
    late(call)
    overdue.recover()
    assert state(call) == CallState.QUEUED
    assert claimed(call).call.idempotency_key == call.idempotency_key


def test_another_call_whose_worker_died_while_sending_is_unknown(bench):
    call = bench.propose(bench.load(URL, request={"idempotent": False}))
    ledger.begin_sending(claimed(call), {})
    late(call)
    overdue.recover()
    assert state(call) == CallState.UNKNOWN
    assert shown(call)["output"] == '{"error":"outcome_unknown","status":504}'
    assert ledger.claim(call.pk) is None


def test_a_call_that_kills_its_workers_is_given_up(bench):
    call = bench.propose(bench.load(URL))
    for _ in range(overdue.MAX_ATTEMPTS):
        claimed(call)
        late(call)
        overdue.recover()
    assert (state(call), shown(call)["error"]) == (CallState.FAILED, "upstream_error")


# --- stopping ---------------------------------------------------------------------------------------------------


def test_a_stop_ends_what_waits_and_tells_what_runs(bench):
    made = bench.load(URL)
    waiting, asking = (
        bench.propose(made),
        bench.propose(bench.load(URL, name="ask_first", approval="ask"), name="ask_first"),
    )
    running = bench.propose(made)
    claim = claimed(running)
    ledger.begin_sending(claim, {})
    ledger.cancel(bench.response.pk)
    for call in (waiting, asking):
        assert state(call) == CallState.FAILED
        assert (shown(call)["error"], shown(call)["reason"]) == ("denied", "stopped")
    assert ledger.claim(waiting.pk) is None
    assert state(running) == CallState.SENDING
    assert not ledger.renew(claim)


def test_a_stop_reaches_a_worker_that_has_not_sent_yet(bench):
    call = bench.propose(bench.load(URL))
    claim = claimed(call)
    ledger.cancel(bench.response.pk)
    with pytest.raises(Late):
        ledger.begin_sending(claim, {})


def test_the_engine_sees_calls_start_and_end(bench):
    call = bench.propose(bench.load(URL))

    def watch() -> list[ledger.Progress]:
        return ledger.progress(bench.response.pk, [call.item_id])

    assert watch() == [ledger.Progress(call.item_id, False, None)]
    claim = claimed(call)
    ledger.begin_sending(claim, {})
    assert watch() == [ledger.Progress(call.item_id, True, None)]
    ledger.finish(claim, CallState.DONE, GOOD)
    assert watch() == [ledger.Progress(call.item_id, True, GOOD)]
