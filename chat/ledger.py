"""The ledger of tool calls: who may move a call from one state to the next, so that an effect happens at most once.

    proposed ─┬─> awaiting_approval ──> approved ──> queued ──> claimed ──> sending ──> done | failed | unknown
              ├─> queued                  │            │           │           │
              └─> failed | denied         └─> …        └─> failed  └─> queued  └─> queued (idempotent tools only)

Every move is one UPDATE with the old state in its WHERE: of two that try, one wins. From `claimed` on the claim's token
stands there too, which fences off a worker that was stopped, overtaken and woken. A row is born past `proposed`, in the
transaction that commits its step; its arguments are fixed by a hash from then on.

Functions here are synchronous and open their own transactions, except `propose`, which joins its caller's.
"""

import hashlib
import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chat import bells
from chat.models import CallState, ToolCall, ToolVersion
from chat.tools import arguments, definition, outcome
from chat.tools.errors import InvalidArguments, Stopped, ToolError
from deny_web import celery
from deny_web.prepared import Insert, Query, Update
from tenants import audit

QUEUED_FOR = timedelta(seconds=15)  # then the broker is taken to have lost the message, and it is sent again
CLAIMED_FOR = timedelta(seconds=30)  # from claiming a call to sending it
SENDING_FOR = timedelta(seconds=15)  # without a sign of life; a worker renews it while it waits, see `renew`
APPROVAL_FOR = timedelta(hours=24)

WAITING = (CallState.PROPOSED, CallState.AWAITING_APPROVAL, CallState.APPROVED, CallState.QUEUED)
OPEN = (*WAITING, CallState.CLAIMED, CallState.SENDING)
LEGAL: dict[str, frozenset[str]] = {
    CallState.PROPOSED: frozenset({"awaiting_approval", "queued", "failed", "denied"}),
    CallState.AWAITING_APPROVAL: frozenset({"approved", "denied", "failed"}),
    CallState.APPROVED: frozenset({"queued", "failed"}),
    CallState.QUEUED: frozenset({"queued", "claimed", "failed"}),
    CallState.CLAIMED: frozenset({"queued", "sending", "failed"}),
    CallState.SENDING: frozenset({"queued", "done", "failed", "unknown"}),
}


_NEW_CALLS = Insert(ToolCall)
_VERSION = Query(
    lambda tenant, pk: ToolVersion.objects.for_tenant(tenant).filter(tool__enabled=True, pk=pk), uuid.UUID, int
)
_PROGRESS = Query(
    lambda response: ToolCall.objects.filter(response_id=response).values_list(
        "item_id", "started_at", "state", "result"
    ),
    str,
)
_CALL = Query(lambda pk: ToolCall.objects.filter(pk=pk).select_related("tenant", "tool_version"), uuid.UUID)
_CLAIM = Update(
    ToolCall, ("state", "claim_token", "deadline"), where=("state", "id", "stop_requested"), counted=("attempts",)
)
_SEND = Update(
    ToolCall,
    ("state", "deadline", "started_at"),
    where=("state", "id", "claim_token", "deadline__gt", "stop_requested"),
)
_FINISH = Update(
    ToolCall, ("state", "result", "ended_at", "deadline", "claim_token"), where=("state", "id", "claim_token")
)


class Late(Exception):
    """The claim is not this worker's any more, or the call was stopped; it must not act for it."""


@dataclass(frozen=True)
class ProposedCall:
    """A call as the model made it. `tool_version_id` is None where no such tool was offered.

    `asks`: a person decides it, whatever its tool says. `refused` is the code of what is against it from outside.
    """

    call_id: str
    item_id: str
    name: str
    arguments: str
    tool_version_id: int | None
    asks: bool = False
    refused: str = ""


@dataclass(frozen=True)
class Progress:
    """What a waiting engine has to know: `started` once the request goes out, `result` once there is an outcome."""

    item_id: str
    started: bool
    result: dict[str, Any] | None


@dataclass(frozen=True)
class Claim:
    """One worker's right to run one call; `token` fences it."""

    call: ToolCall
    token: str


# --- from the turn ----------------------------------------------------------------------------------------------


def propose(
    tenant_id: uuid.UUID,
    response_id: str | None,
    step_id: int | None,
    calls: Sequence[ProposedCall],
    *,
    lease_id: str,
) -> list[uuid.UUID]:
    """Write a step's calls, in the caller's transaction; answers the ids to `enqueue` once it has committed.

    Calls that cannot run (no such tool, bad arguments, `never`) are born with their outcome; `ask` waits for a person.
    """
    wanted = {call.tool_version_id for call in calls if call.tool_version_id is not None}
    # One that was switched off or removed since it was offered is not there any more.
    versions = {one: _VERSION.first(tenant_id, one) for one in wanted}
    rows = [born(tenant_id, call, versions.get(call.tool_version_id or 0), lease_id) for call in calls]
    names = set[str]()
    for row in rows:
        row.response_id, row.step_id = response_id, step_id
        if row.call_id in names:  # an upstream that names two calls alike must not fail the step
            row.call_id = f"{row.call_id[:60]} {row.idempotency_key[-32:]}"
        names.add(row.call_id)
    _NEW_CALLS.many(rows)
    return [row.pk for row in rows if row.state == CallState.QUEUED]


def born(tenant_id: uuid.UUID, call: ProposedCall, version: ToolVersion | None, lease_id: str) -> ToolCall:
    """The row of a new call, not yet saved, in the first state that it stays in."""
    row = ToolCall(
        tenant_id=tenant_id,
        call_id=_storable(call.call_id)[:100],
        item_id=call.item_id,
        name=_storable(call.name)[:64],
        tool_version=version,
        args=_storable(call.arguments),
        idempotency_key=f"deny-web-{secrets.token_hex(16)}",
        lease_id=lease_id,
    )
    row.args_hash = args_hash(row)
    now = timezone.now()
    refusal, approval = _refusal(call, version)
    if refusal:
        state = CallState.DENIED if refusal.code == "denied" else CallState.FAILED
        row.result, row.ended_at = outcome.failure(refusal), now
    elif approval == "ask":
        state, row.approval_expires_at = CallState.AWAITING_APPROVAL, now + APPROVAL_FOR
    else:
        state, row.deadline = CallState.QUEUED, now + QUEUED_FOR
    assert state in LEGAL[CallState.PROPOSED]  # noqa: S101 - a fault of ours
    row.state = state
    return row


def _refusal(call: ProposedCall, version: ToolVersion | None) -> tuple[ToolError | None, str]:
    if call.refused:
        return ToolError(call.refused), ""
    if version is None:
        return ToolError("tool_not_found"), ""
    tool = definition.from_stored(version.definition)
    if tool.approval == "never":
        return ToolError("denied", reason="this tool is never allowed"), ""
    try:
        arguments.validate(tool, call.arguments)
    except InvalidArguments as error:
        return error, ""
    return None, "ask" if call.asks else tool.approval


def _storable(text: str) -> str:
    """The text as every database takes it. No good arguments hold a NUL or a lone surrogate; bad ones are refused."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def args_hash(call: ToolCall) -> str:
    """What a person approves and a worker runs: this tool in this version with these arguments for this tenant."""
    parts = (call.tenant_id, call.name, call.tool_version_id, call.args)
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()


def enqueue(call_ids: Iterable[uuid.UUID]) -> None:
    """Tell the workers; after commit only. A broker that is away is no error: `recover` sends again what was lost."""
    for call_id in call_ids:
        celery.ask("tools.execute", str(call_id))


def progress(response_id: str, item_ids: Sequence[str]) -> list[Progress]:
    """How far a response's calls are, by the ids of their items."""
    return [
        Progress(item_id, started_at is not None, None if state in OPEN else result)
        for item_id, started_at, state, result in _PROGRESS.rows(response_id)
        if item_id in item_ids
    ]


def cancel(response_id: str) -> None:
    """Stop a response's calls: those that wait end here, those under way are told and end in their worker."""
    calls = ToolCall.objects.filter(response_id=response_id)
    calls.filter(state__in=OPEN).update(stop_requested=True)
    stopped = outcome.failure(Stopped())
    for state in WAITING:
        end(calls.filter(state=state), state, CallState.FAILED, stopped)


# --- from the worker --------------------------------------------------------------------------------------------


def claim(call_id: uuid.UUID) -> Claim | None:
    """Take a queued call for this worker; None where another delivery of the same message was quicker."""
    token = secrets.token_hex(16)
    changes = {"claim_token": token, "deadline": timezone.now() + CLAIMED_FOR}
    if not _moved(_CLAIM, CallState.QUEUED, CallState.CLAIMED, changes, [call_id, False]):
        return None
    return Claim(_CALL.first(call_id), token)


def begin_sending(claim: Claim, detail: dict[str, object]) -> None:
    """The last look before the request goes out, and the audit row of the credential's use, in one transaction.

    Raises `Late` where the claim is gone or the call was stopped. Where the audit row cannot be written its exception
    comes through, the call stays `claimed`, and the credential must not be used.
    """
    now = timezone.now()
    with transaction.atomic():
        changes = {"deadline": now + SENDING_FOR, "started_at": now}
        mine = [claim.call.pk, claim.token, now, False]
        if not _moved(_SEND, CallState.CLAIMED, CallState.SENDING, changes, mine):
            raise Late
        detail = {"call": str(claim.call.pk), **detail}
        audit.record(claim.call.tenant, "tool.call", actor="worker", subject=claim.call.name, detail=detail)
        ring(claim.call)


def renew(claim: Claim) -> bool:
    """A sign of life while the request is under way. False where the worker has to stop: told to, or overtaken."""
    mine = ToolCall.objects.filter(pk=claim.call.pk, state=CallState.SENDING, claim_token=claim.token)
    return bool(mine.filter(stop_requested=False).update(deadline=timezone.now() + SENDING_FOR))


def finish(claim: Claim, state: CallState, result: outcome.Outcome) -> bool:
    """Write the outcome; False where the claim is gone, and the outcome with it."""
    for before in (CallState.SENDING, CallState.CLAIMED):
        if state not in LEGAL[before]:
            continue
        changes = {"result": result, "ended_at": timezone.now(), "deadline": None, "claim_token": ""}
        if _moved(_FINISH, before, state, changes, [claim.call.pk, claim.token]):
            ring(claim.call)
            return True
    return False


# --- moves ------------------------------------------------------------------------------------------------------


def move(rows: "QuerySet[ToolCall]", before: str, after: str, **changes: Any) -> int:
    """The compare-and-set that everything here rests on; answers how many rows moved."""
    assert after in LEGAL[before], f"{before} does not lead to {after}"  # noqa: S101 - a fault of ours
    return rows.filter(state=before).update(state=after, **changes)


def _moved(update: Update, before: str, after: str, changes: dict[str, Any], where: Sequence[Any]) -> int:
    """The same by a prepared statement, for the moves that every call makes; the state is first of its `where`."""
    assert after in LEGAL[before], f"{before} does not lead to {after}"  # noqa: S101 - a fault of ours
    return update.run({"state": after, **changes}, [before, *where])


def end(
    rows: "QuerySet[ToolCall]", before: str, after: str, result: outcome.Outcome, *, at: datetime | None = None
) -> int:
    return move(rows, before, after, result=result, ended_at=at or timezone.now(), deadline=None, claim_token="")


def ring(call: ToolCall) -> None:
    """Wake the turn that waits for this call, once what happened is committed."""
    response_id = call.response_id
    if response_id:
        transaction.on_commit(lambda: bells.ring(response_id))
