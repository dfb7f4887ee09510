"""Tool calls whose worker, message or person did not come back in time; the ledger's recovery, run by beat.

    queued    the broker lost the message          -> sent again
    claimed   the worker died before sending       -> queued again
    sending   the worker died while sending        -> queued again where the tool says that it is idempotent (the same
                                                      idempotency key goes up), else `unknown`, for a person to look at
    awaiting  nobody decided                       -> denied

A call that has cost `MAX_ATTEMPTS` workers their lives is given up.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from chat import approvals, ledger
from chat.models import CallState, ToolCall
from chat.tools import definition, outcome
from chat.tools.errors import Stopped, ToolError
from chat.tools.outcome import Outcome

MAX_ATTEMPTS = 5
_BATCH = 500


def recover() -> int:
    """Move every overdue call on; answers how many. Safe to run anywhere, at the same time, as often as one likes."""
    now = timezone.now()
    return _resend(now) + _lost(CallState.CLAIMED, now) + _lost(CallState.SENDING, now) + _expire(now)


def _resend(now: datetime) -> int:
    overdue = ToolCall.objects.filter(state=CallState.QUEUED, deadline__lt=now)
    ids = list(overdue.order_by("deadline").values_list("pk", flat=True)[:_BATCH])
    if ids:
        again = overdue.filter(pk__in=ids)
        ledger.move(again, CallState.QUEUED, CallState.QUEUED, deadline=timezone.now() + ledger.QUEUED_FOR)
        ledger.enqueue(ids)
    return len(ids)


def _lost(state: CallState, now: datetime) -> int:
    overdue = ToolCall.objects.filter(state=state, deadline__lt=now)
    calls = list(overdue.select_related("tool_version").order_by("deadline")[:_BATCH])
    for call in calls:
        mine = overdue.filter(pk=call.pk, claim_token=call.claim_token)
        after, result = _verdict(call)
        with transaction.atomic():
            if result is not None:
                if ledger.end(mine, state, after, result):
                    ledger.ring(call)
            elif ledger.move(mine, state, after, claim_token="", deadline=timezone.now() + ledger.QUEUED_FOR):
                transaction.on_commit(lambda call_id=call.pk: ledger.enqueue([call_id]))  # type: ignore[misc]
    return len(calls)


def _verdict(call: ToolCall) -> tuple[CallState, Outcome | None]:
    assert call.tool_version is not None  # noqa: S101 - no call without one is ever queued
    tool = definition.from_stored(call.tool_version.definition)
    sent = call.state == CallState.SENDING
    if sent and not tool.request.idempotent:
        return CallState.UNKNOWN, outcome.failure(ToolError("outcome_unknown"), outcome.request(tool))
    if call.stop_requested:
        return CallState.FAILED, outcome.failure(Stopped(), outcome.request(tool) if sent else None)
    if call.attempts >= MAX_ATTEMPTS:
        return CallState.FAILED, outcome.failure(ToolError("upstream_error", reason="given up after several tries"))
    return CallState.QUEUED, None


def _expire(now: datetime) -> int:
    overdue = ToolCall.objects.filter(state=CallState.AWAITING_APPROVAL, approval_expires_at__lte=now)
    calls = list(overdue.order_by("approval_expires_at")[:_BATCH])
    for call in calls:
        approvals.expire(call)
    return len(calls)
