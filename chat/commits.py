"""What a host writes about its turn. Every write carries the epoch: a host that was taken over is refused."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chat import accounts, approvals, ledger
from chat.events.log import Fenced
from chat.ledger import ProposedCall
from chat.models import CallState, Conversation, Door, Item, Response, Status, Step, ToolCall
from chat.turn import Turn, Unwritten
from deny_web.prepared import Insert, Query, Update
from tenants import webhooks
from vault import leases

_RUNNING = (Status.QUEUED, Status.IN_PROGRESS)
_ENDED_FIELDS = (
    "status",
    "error",
    "incomplete",
    "usage",
    "cost",
    "details",
    "sealed_request",
    "last_seq",
    "ended_at",
    "host",
    "wait_reason",
)
_END = Update(Response, _ENDED_FIELDS, where=("id", "epoch", "status"))
_PROGRESS = Update(Response, ("last_seq", "usage", "details"), where=("id", "epoch", "status"))
_REST = Update(Conversation, ("active", "changed_at"), where=("id", "active"))
_ITEM = Update(Item, ("body",), where=("response", "direction", "position"))
_NEW_RESPONSE, _NEW_STEP, _NEW_ITEMS = Insert(Response), Insert(Step), Insert(Item)
_KNOWN = Query(lambda pk: Response.objects.filter(pk=pk).values_list("pk"), str)
_STEP = Query(
    lambda response, n, epoch: Step.objects.filter(response_id=response, n=n, epoch=epoch).values_list("pk"),
    str,
    int,
    int,
)


@dataclass(frozen=True)
class Pending:
    """Rows of output items that are to be written, taken from the live turn on its own thread."""

    position: int
    body: dict[str, Any]
    upstream: dict[str, Any]
    abandoned: bool


def pending(turn: Turn) -> list[Pending]:
    """The output items that the database does not have yet."""
    return [
        Pending(index, turn.output.snapshot(index), turn.upstream_names.get(index, {}), index in turn.abandoned)
        for index in range(turn.committed, len(turn.output.items))
    ]


def commit_step(
    turn: Turn, items: list[Pending], calls: list[ProposedCall], usage: dict[str, Any] | None, upstream_id: str
) -> None:
    """A step has ended: its items, the upstream's id and its ledger rows in one transaction. Raises Fenced.

    No call starts before: the tasks are sent on commit.
    """
    lease = leases.current(turn.tenant_id)
    with transaction.atomic(savepoint=False):
        if turn.unwritten is not None:
            _write_response(turn, turn.unwritten)
        _claim_epoch(turn)
        if _STEP.rows(turn.response_id, turn.step, turn.epoch):
            _on_commit(turn)
            return  # done before; only the answer was lost
        step = _write_step(turn, turn.step, usage, upstream_id)
        _write_items(turn, items, step)
        made = ledger.propose(turn.tenant_id, turn.response_id, step.pk, calls, lease_id=lease.id if lease else "")
        transaction.on_commit(lambda: ledger.enqueue(made))
        _on_commit(turn)


def end(
    turn: Turn,
    items: list[Pending],
    status: Status,
    error: dict[str, Any] | None,
    incomplete: dict[str, Any] | None,
) -> None:
    """The turn has ended: in the database before any client hears of it. Raises Fenced."""
    with transaction.atomic(savepoint=False):
        changes = {
            "status": status,
            "error": error,
            "incomplete": incomplete,
            "usage": turn.usage,
            "cost": turn.account.cost,
            "details": _details(turn),
            "sealed_request": None,
            "last_seq": turn.log.next_number,  # the ending event's
            "ended_at": timezone.now(),
            "host": None,
            "wait_reason": "",
        }
        if not _END.run(changes, [turn.response_id, turn.epoch, _RUNNING]):
            if Response.objects.filter(pk=turn.response_id, epoch=turn.epoch, status=status).exists():
                return  # done before; only the answer was lost
            raise Fenced
        step = None
        if turn.last_step is not None:
            step = _write_step(turn, turn.step - 1, turn.last_step.usage, turn.last_step.upstream_id)
        _write_items(turn, items, step)
        if turn.conversation_id:
            _REST.run({"active": None, "changed_at": timezone.now()}, [turn.conversation_id, turn.response_id])
        if turn.door == Door.BACKGROUND:
            webhooks.send(turn.tenant_id, f"response.{status}", {"id": turn.response_id}, dedupe=turn.response_id)
        if not turn.stored:
            kept = Q(state=CallState.AWAITING_APPROVAL)  # until the next request decides it, or it expires
            ToolCall.objects.filter(~kept, response_id=turn.response_id).update(args="", result=None)
        accounts.settle(turn)
        _on_commit(turn)


def suspend(turn: Turn) -> bool:
    """Free the turn's host until people have decided. Raises Fenced.

    False, and nothing is changed, where no call waits any more or the turn is to be stopped.
    """
    with transaction.atomic():
        # The row first, which locks out decisions and stops: see chat/approvals.py.
        _claim_epoch(turn)
        Response.objects.filter(pk=turn.response_id).update(wait_reason=approvals.WAITS, host=None)
        stopping = Response.objects.filter(pk=turn.response_id, stop_requested_at__isnull=False).exists()
        if stopping or not approvals.waiting(turn.response_id):
            transaction.set_rollback(True)
            return False
    return True


def write_items(turn: Turn, items: list[Pending]) -> None:
    """Items that belong to no step: calls that were decided. Raises Fenced."""
    with transaction.atomic(savepoint=False):
        _claim_epoch(turn)
        known = Item.objects.filter(response_id=turn.response_id, direction=Item.Direction.OUTPUT)
        if not known.filter(position=items[0].position).exists():  # else only the answer was lost
            _write_items(turn, items, None)
        _on_commit(turn)


def write_outcomes(turn: Turn, indexes: list[int]) -> None:
    """Tool calls have their outcomes: their items say so, before the next step builds on them. Raises Fenced."""
    with transaction.atomic(savepoint=False):
        _claim_epoch(turn)
        if turn.stored:
            for index in indexes:
                where = [turn.response_id, Item.Direction.OUTPUT, index]
                _ITEM.run({"body": turn.output.snapshot(index)}, where)


def _details(turn: Turn) -> dict[str, Any] | None:
    return (turn.details or None) if turn.stored else None


def _claim_epoch(turn: Turn) -> None:
    changes = {"last_seq": turn.log.next_number - 1, "usage": turn.usage, "details": _details(turn)}
    if not _PROGRESS.run(changes, [turn.response_id, turn.epoch, _RUNNING]):
        raise Fenced


def _on_commit(turn: Turn) -> None:
    """Note what the database has; not before it has it, since the transaction may be undone and done again."""
    count = len(turn.output.items)

    def note() -> None:
        turn.unwritten = None
        turn.committed = count

    transaction.on_commit(note)


def _write_response(turn: Turn, owner: Unwritten) -> None:
    """The row that a tool call hangs on; of what was said it holds nothing."""
    if _KNOWN.rows(turn.response_id):
        return  # only the answer was lost
    _NEW_RESPONSE.one(
        Response(
            id=turn.response_id,
            tenant_id=turn.tenant_id,
            user_id=owner.user_id,
            api_key_id=owner.api_key_id,
            host_id=owner.host_id,
            door=turn.door,
            stored=False,
            status=Status.IN_PROGRESS,
            request={},
        )
    )


def _write_step(turn: Turn, n: int, usage: dict[str, Any] | None, upstream_id: str) -> Step:
    step = Step(
        response_id=turn.response_id,
        n=n,
        epoch=turn.epoch,
        upstream=turn.upstream.name,
        upstream_response_id=upstream_id,
        usage=usage,
    )
    _NEW_STEP.one(step)
    return step


def _write_items(turn: Turn, items: list[Pending], step: Step | None) -> None:
    if not turn.stored:
        return
    _NEW_ITEMS.many(
        [
            Item(
                tenant_id=turn.tenant_id,
                response_id=turn.response_id,
                step=step,
                direction=Item.Direction.OUTPUT,
                position=one.position,
                item_id=one.body["id"],
                abandoned=one.abandoned,
                body=one.body,
                upstream=one.upstream,
            )
            for one in items
        ]
    )
