"""Tool calls that a person decides: who may, what a decision moves, and which waiting turn it wakes.

A call of a tool that asks stands in its response as an ``mcp_approval_request`` under ``mcpr_HEX``. Its row in the
ledger, and the ``mcp_call`` item that follows the decision, go by ``mcp_HEX``.

A browser or background turn waits in storage, with ``wait_reason`` and without a host, until none of its calls waits. A
foreground API response ends with its requests, and the next request answers them. Whoever decides, suspends or stops
locks the response's row before its calls: otherwise a decision and a suspension at the same moment could each miss the
other, and the turn would wait for ever.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from chat import bells, decisions, kinds, ledger, lookup, params
from chat.errors import ApiError, bad_request, not_found
from chat.models import CallState, Door, Response, ToolCall
from chat.models.response import ENDED
from deny_web import celery
from tenants.access import Principal

WAITS: Final = "approval"  # `Response.wait_reason`
_MAX_REASON = 500


@dataclass(frozen=True)
class Decided:
    """A call that nobody is asked about any more, and that its response does not show as a call yet."""

    item_id: str
    name: str
    arguments: str
    verdict: str


@dataclass(frozen=True)
class Standing:
    """A response's asked calls that are not told yet; `waits` while a person still has to decide one."""

    decided: list[Decided]
    waits: bool


@dataclass(frozen=True)
class Answer:
    """A request's ``mcp_approval_response``."""

    request_id: str
    approve: bool
    reason: str
    param: str


def call_item_id(request_id: str) -> str:
    """The id of the call that a request asks about."""
    return f"mcp_{request_id.removeprefix('mcpr_')}"


def request_id(item_id: str) -> str:
    """The id of the request that asks about a call."""
    return f"mcpr_{item_id.removeprefix('mcp_')}"


def suspends(door: str, stored: bool) -> bool:
    """Whether a turn waits for a decision. Others end with their requests: nobody could come back to them."""
    return stored and door != Door.API


def standing(response_id: str, told: Collection[str]) -> Standing:
    """How a response's calls stand, but for those in `told`, the ids of the calls that it shows."""
    rows = list(ToolCall.objects.filter(response_id=response_id).exclude(item_id__in=told).order_by("created_at"))
    decided = [
        Decided(row.item_id, row.name, row.args, verdict(row))
        for row in rows
        if row.state != CallState.AWAITING_APPROVAL
    ]
    return Standing(decided, waits=len(decided) < len(rows))


def verdict(call: ToolCall) -> str:
    """What became of the question: waiting, approved, denied, expired, stopped; refused where it was never asked."""
    reason = (call.result or {}).get("reason")
    if call.state == CallState.AWAITING_APPROVAL:
        return "waiting"
    if call.state == CallState.DENIED:
        return "expired" if reason == decisions.EXPIRED else "denied"
    if call.approval_expires_at is None:
        return "refused"
    return "stopped" if reason == "stopped" and not call.attempts else "approved"


def verdicts(response_ids: Iterable[str]) -> dict[str, str]:
    """The verdicts on the asked calls of some responses, by the requests' ids."""
    rows = ToolCall.objects.filter(response_id__in=list(response_ids), approval_expires_at__isnull=False)
    return {request_id(row.item_id): verdict(row) for row in rows}


def decide(principal: Principal, wanted: str, approve: bool, reason: str = "") -> Response:
    """A person's decision on a call of a turn that waits; once.

    Raises ApiError 404, the same for a foreign id and one that never was, and 409 where it is too late.
    """
    with transaction.atomic():
        call = _visible(principal, wanted)
        if call is None:
            raise not_found("Approval request")
        row = _lock(call.response_id)
        if row is None or row.status in ENDED or not suspends(row.door, row.stored):
            message = "Its response has ended. Answer with an 'mcp_approval_response' in the next request's input."
            raise ApiError(409, message, code="response_ended")
        if not _move(principal, call, approve, reason):
            raise ApiError(409, "This call does not wait for a decision any more.", code="approval_decided")
        _show(row, wanted, "approved" if approve else "denied")
        _wake(row.pk)
    return row


def answers(items: Iterable[dict[str, Any]]) -> list[Answer]:
    """The decisions in a request's input. Raises ApiError 400 for one that is malformed.

    A response whose call stands in the same input too is history that a client sends again, and decides nothing.
    """
    items = list(items)
    told = {str(item.get("approval_request_id")) for item in items if item["type"] == "mcp_call"}
    found: dict[str, Answer] = {}
    for index, item in enumerate(items):
        if item["type"] != "mcp_approval_response" or str(item.get("approval_request_id")) in told:
            continue
        if kinds.is_foreign_request(item.get("approval_request_id")):
            continue  # a server's that the upstream calls: for it to act on
        param = f"input[{index}]."
        answer = Answer(*params.approval(item, param), f"{param}approval_request_id")
        if answer.request_id in found:
            raise _unanswerable(answer)
        found[answer.request_id] = answer
    return list(found.values())


def settle(principal: Principal, row: Response, given: Iterable[Answer], known: Collection[str]) -> None:
    """Decide what a new response's input answers, in the transaction that creates it; the calls become its own.

    `known` are the requests in its context: an output of any other would go up without its call. Raises ApiError 400.
    """
    for answer in given:
        call = _visible(principal, answer.request_id) if answer.request_id in known else None
        if call is None or call.response_id is None:
            raise _unanswerable(answer)
        asked = _lock(call.response_id)
        if asked is None or asked.status not in ENDED or not _move(principal, call, answer.approve, answer.reason):
            raise _unanswerable(answer)
        ToolCall.objects.filter(pk=call.pk).update(response=row, step=None)


def _unanswerable(answer: Answer) -> ApiError:
    # One sentence for a foreign id, an unknown one and one that is decided: none tells that the others exist.
    message = "No call of this chain waits for this approval: unknown, decided already, or too late."
    return bad_request(message, answer.param, "approval_request_not_found")


def release(response_id: str) -> None:
    """A response that waits is to be stopped: end its calls and let a host end the rest. Joins its caller's lock."""
    ledger.cancel(response_id)
    _wake(response_id)


def expire(call: ToolCall) -> None:
    """Nobody decided in time."""
    with transaction.atomic():
        row = _lock(call.response_id)
        if not decisions.expire(call):
            return
        if row is not None and not row.stored:
            ToolCall.objects.filter(pk=call.pk).update(args="", result=None)
        elif row is not None:
            _show(row, request_id(call.item_id), "expired")
            _wake(row.pk)


def waiting(response_id: str) -> bool:
    """Whether a call of the response waits for a person."""
    return ToolCall.objects.filter(response_id=response_id, state=CallState.AWAITING_APPROVAL).exists()


def _visible(principal: Principal, wanted: str) -> ToolCall | None:
    calls = ToolCall.objects.for_tenant(principal.tenant).filter(response__in=lookup.responses(principal))
    if principal.api_key is not None and principal.api_key.tools is not None:
        calls = calls.filter(name__in=principal.api_key.tools)  # a key lets nothing run that it is not offered
    return calls.filter(item_id=call_item_id(wanted)).first() if wanted.startswith("mcpr_") else None


def _lock(response_id: str | None) -> Response | None:
    return Response.objects.select_for_update(of=("self",)).filter(pk=response_id).first()


def _move(principal: Principal, call: ToolCall, approve: bool, reason: str) -> bool:
    act = decisions.approve if approve else decisions.deny
    return act(call.pk, acting=principal, reason=reason[:_MAX_REASON])


def _wake(response_id: str) -> None:
    """Let a suspended response go on once nothing of it waits; the caller holds its row."""
    if waiting(response_id):
        return
    if Response.objects.filter(pk=response_id, wait_reason=WAITS).update(wait_reason=""):
        # Lost, recovery finds it: it runs, and nobody hosts it.
        transaction.on_commit(lambda: celery.ask("turns.host", response_id))
    else:  # its host is just about to suspend it
        transaction.on_commit(lambda: bells.ring(response_id))


def _show(row: Response, wanted: str, state: str) -> None:
    """Tell the open pages of the person whose turn it is."""
    message = {"type": "approval.decided", "user_id": row.user_id, "approval_request_id": wanted, "state": state}
    transaction.on_commit(lambda: bells.tell_sockets(row.tenant_id, message))
