"""Which turns wait for a person, what ends their wait, and who may decide."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import approvals, overdue, recovery
from chat.errors import ApiError
from chat.models import CallState, Response, Status, ToolCall
from tenants.access import Principal
from tenants.models import Role
from tests.cast import Cast
from tests.tool_bench import Bench, shown

pytestmark = [pytest.mark.django_db, pytest.mark.db_matrix]
URL = "https://api.example.com/v1/invoices/{id}"


@pytest.fixture
def bench(cast: Cast) -> Bench:
    """Alice's turn, suspended."""
    made = Bench(cast)
    Response.objects.filter(pk=made.response.pk).update(user=cast.alice, wait_reason=approvals.WAITS)
    return made


def ask(bench: Bench) -> str:
    return approvals.request_id(bench.propose(bench.load(URL, approval="ask")).item_id)


def wait_reason(bench: Bench) -> str:
    bench.response.refresh_from_db()
    return bench.response.wait_reason


def test_a_turn_waits_until_its_last_call_is_decided(bench):
    first, second = ask(bench), ask(bench)
    approvals.decide(bench.owner, first, True)
    assert wait_reason(bench) == approvals.WAITS
    approvals.decide(bench.owner, second, False)
    assert wait_reason(bench) == ""
    assert set(approvals.verdicts([bench.response.pk]).values()) == {"approved", "denied"}


def test_recovery_passes_over_what_waits_and_takes_up_what_does_not(bench):
    wanted = ask(bench)
    assert recovery.orphans() == []
    Response.objects.filter(pk=bench.response.pk).update(stop_requested_at=timezone.now())
    assert recovery.orphans() == [bench.response.pk]  # a stop whose bell was lost
    Response.objects.filter(pk=bench.response.pk).update(stop_requested_at=None)
    ToolCall.objects.filter(item_id=approvals.call_item_id(wanted)).update(state=CallState.DENIED)
    assert recovery.orphans() == [bench.response.pk]  # a decision whose message was lost


def test_only_the_person_whose_turn_it_is_decides(bench, cast):
    wanted = ask(bench)
    strangers = [
        Principal(cast.acme, Role.ADMIN, cast.erin),
        Principal(cast.acme, Role.MEMBER, cast.bob),
        Principal(cast.elsewhere, Role.OWNER, cast.charlie),
    ]
    for stranger in strangers:
        for request_id in (wanted, "mcpr_" + "0" * 40):
            with pytest.raises(ApiError) as caught:
                approvals.decide(stranger, request_id, True)
            assert (caught.value.status, caught.value.message) == (404, "Approval request not found.")
    assert approvals.waiting(bench.response.pk)


def test_an_ended_turn_decides_nothing(bench):
    wanted = ask(bench)
    Response.objects.filter(pk=bench.response.pk).update(status=Status.INCOMPLETE)
    with pytest.raises(ApiError) as caught:
        approvals.decide(bench.owner, wanted, True)
    assert (caught.value.status, caught.value.code) == (409, "response_ended")
    assert approvals.waiting(bench.response.pk)


def test_an_expired_question_is_denied_and_wakes_the_turn(bench):
    wanted = ask(bench)
    ToolCall.objects.update(approval_expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(ApiError) as caught:
        approvals.decide(bench.owner, wanted, True)
    assert caught.value.code == "approval_decided"
    assert overdue.recover() == 1
    assert wait_reason(bench) == ""
    assert approvals.verdicts([bench.response.pk]) == {wanted: "expired"}
    assert shown(ToolCall.objects.get())["error"] == "denied"


def test_what_expired_in_a_response_that_stores_nothing_is_emptied(bench):
    ask(bench)
    Response.objects.filter(pk=bench.response.pk).update(stored=False, status=Status.COMPLETED)
    ToolCall.objects.update(approval_expires_at=timezone.now() - timedelta(seconds=1))
    overdue.recover()
    call = ToolCall.objects.get()
    assert (call.state, call.args, call.result) == (CallState.DENIED, "", None)


def test_a_stop_ends_the_question_and_wakes_the_turn(bench):
    wanted = ask(bench)
    approvals.release(bench.response.pk)
    assert wait_reason(bench) == ""
    assert approvals.verdicts([bench.response.pk]) == {wanted: "stopped"}


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"approval_request_id": 1, "approve": True},
        {"approval_request_id": "mcpr_1"},
        {"approval_request_id": "mcpr_1", "approve": "yes"},
        {"approval_request_id": "mcpr_1", "approve": True, "reason": 1},
    ],
)
def test_a_malformed_answer_is_refused(item):
    with pytest.raises(ApiError) as caught:
        approvals.answers([{"type": "mcp_approval_response", **item}])
    assert caught.value.status == 400
    assert str(caught.value.param).startswith("input[0].")


def test_an_answer_given_twice_is_refused_and_one_whose_call_follows_is_history():
    given = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    with pytest.raises(ApiError):
        approvals.answers([given, {**given, "approve": False}])
    assert approvals.answers([given, {"type": "mcp_call", "approval_request_id": "mcpr_1"}]) == []
