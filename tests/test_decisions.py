"""A person's decision on a call that asks: once, by the one who may, on what was shown."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import decisions, ledger, overdue
from chat.models import CallState, ToolCall
from tenants.access import Principal
from tenants.models import AuditRow, Role
from tests.tool_bench import Bench, shown

URL = "https://api.example.com/v1/invoices/{id}"


@pytest.fixture
def bench(cast) -> Bench:
    return Bench(cast)


def state(call: ToolCall) -> str:
    call.refresh_from_db()
    return call.state


def test_a_call_that_asks_runs_only_after_its_approval(bench):
    call = bench.propose(bench.load(URL, approval="ask"))
    assert call.state == CallState.AWAITING_APPROVAL
    assert ledger.claim(call.pk) is None
    assert decisions.approve(call.pk, acting=bench.owner)
    assert not decisions.approve(call.pk, acting=bench.owner)
    assert AuditRow.objects.get(verb="tool.approve").actor == "alice@example.com"
    assert ledger.claim(call.pk)


def test_a_denied_call_never_runs(bench):
    call = bench.propose(bench.load(URL, approval="ask"))
    assert decisions.deny(call.pk, acting=bench.owner)
    assert not decisions.approve(call.pk, acting=bench.owner)
    assert (state(call), shown(call)["error"]) == (CallState.DENIED, "denied")
    assert AuditRow.objects.filter(verb="tool.deny").count() == 1


def test_a_stranger_decides_nothing(bench, cast):
    call = bench.propose(bench.load(URL, approval="ask"))
    stranger = Principal(cast.elsewhere, Role.OWNER, cast.charlie)
    assert not decisions.approve(call.pk, acting=stranger)
    assert not decisions.deny(call.pk, acting=stranger)
    assert state(call) == CallState.AWAITING_APPROVAL


def test_arguments_that_changed_after_the_question_are_not_approved(bench):
    call = bench.propose(bench.load(URL, approval="ask"))
    ToolCall.objects.filter(pk=call.pk).update(args='{"id": "in_9"}')
    assert not decisions.approve(call.pk, acting=bench.owner)


def test_an_approval_that_nobody_gives_expires(bench):
    call = bench.propose(bench.load(URL, approval="ask"))
    ToolCall.objects.filter(pk=call.pk).update(approval_expires_at=timezone.now() - timedelta(seconds=1))
    assert not decisions.approve(call.pk, acting=bench.owner)
    overdue.recover()
    assert (state(call), shown(call)["reason"]) == (CallState.DENIED, "nobody decided in time")
