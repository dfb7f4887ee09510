"""A person's decision on a call that waits in the ledger. Who may decide, and what it wakes, is `chat.approvals`'.

Functions here are synchronous and open their own transactions.
"""

import hmac
import uuid

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chat import ledger
from chat.models import CallState, ToolCall
from chat.tools import outcome
from chat.tools.errors import ToolError
from tenants import audit
from tenants.access import Principal

EXPIRED = "nobody decided in time"  # the reason of a call that was denied so


def approve(call_id: uuid.UUID, *, acting: Principal, reason: str = "") -> bool:
    """Let a waiting call run. False where it does not wait any more: decided, expired or stopped.

    `reason` are the person's own words, for the audit trail.
    """
    with transaction.atomic():
        waiting = _waiting(call_id, acting)
        call = waiting.select_related("tenant").first()
        if call is None or not hmac.compare_digest(call.args_hash, ledger.args_hash(call)):
            return False
        if not ledger.move(waiting, CallState.AWAITING_APPROVAL, CallState.APPROVED):
            return False
        audit.record(call.tenant, "tool.approve", actor=acting, subject=call.name, detail=_said(call, reason))
        approved = ToolCall.objects.filter(pk=call.pk, state=CallState.APPROVED)
        ledger.move(approved, CallState.APPROVED, CallState.QUEUED, deadline=timezone.now() + ledger.QUEUED_FOR)
        transaction.on_commit(lambda: ledger.enqueue([call_id]))
    return True


def deny(call_id: uuid.UUID, *, acting: Principal, reason: str = "") -> bool:
    """Refuse a waiting call. False where it does not wait any more."""
    with transaction.atomic():
        waiting = _waiting(call_id, acting)
        call = waiting.select_related("tenant").first()
        denied = outcome.failure(ToolError("denied", reason="a person denied it"))
        if call is None or not ledger.end(waiting, CallState.AWAITING_APPROVAL, CallState.DENIED, denied):
            return False
        audit.record(call.tenant, "tool.deny", actor=acting, subject=call.name, detail=_said(call, reason))
        ledger.ring(call)
    return True


def expire(call: ToolCall) -> bool:
    """Deny a call that nobody decided in time. False where it does not wait any more."""
    denied = outcome.failure(ToolError("denied", reason=EXPIRED))
    overdue = ToolCall.objects.filter(pk=call.pk, approval_expires_at__lte=timezone.now())
    return bool(ledger.end(overdue, CallState.AWAITING_APPROVAL, CallState.DENIED, denied))


def _said(call: ToolCall, reason: str) -> dict[str, object]:
    return {"call": str(call.pk), **({"reason": reason} if reason else {})}


def _waiting(call_id: uuid.UUID, acting: Principal) -> "QuerySet[ToolCall]":
    calls = ToolCall.objects.for_tenant(acting.tenant)
    return calls.filter(pk=call_id, state=CallState.AWAITING_APPROVAL, approval_expires_at__gt=timezone.now())
