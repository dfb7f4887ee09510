"""What becomes of a turn whose host is gone: taken over, or ended so that its client knows.

Browser and background turns go on after the last committed step. A foreground API turn, or one that stores nothing,
has nobody who could come back to it: it ends ``failed``, and its client retries.
"""

import logging

import redis
from django.db import DatabaseError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from chat import (
    accounts,
    approvals,
    compaction,
    comparison,
    context,
    creation,
    engine,
    faults,
    kinds,
    ledger,
    offers,
    planning,
    tool_secrets,
)
from chat.events import EventLog, archive
from chat.hosting import DEAD_AFTER, TurnHost
from chat.models import CallState, Conversation, Door, Host, Item, Response, Status, ToolCall
from chat.output import Output
from chat.retrying import until_done
from chat.step import SERVER_LABEL
from chat.turn import Resume, Turn
from deny_web import db
from tenants import webhooks
from vault.errors import Unavailable

logger = logging.getLogger(__name__)

_RUNNING = (Status.QUEUED, Status.IN_PROGRESS)
# After a log that is lost whole, or one whose host left no ending, numbers go on from here: above any that a reader can
# have seen.
_LOST_LOG_GAP = 1_000_000
_MOST_LIVES = 20  # hosts that a response has had; what no host can end is not tried for ever
_HOST_DIED = {"code": "server_error", "message": "The server that answered went away. Send the request again."}
_CANNOT_GO_ON = {"code": "server_error", "message": "This response cannot be gone on with. Send the request again."}


def orphans() -> list[str]:
    """Ids of running responses without a living host; ends those that nobody can come back to."""
    now = timezone.now()
    Host.objects.filter(heartbeat_at__lt=now - 6 * DEAD_AFTER).delete()
    dead = Q(host__isnull=True) | Q(host__heartbeat_at__lt=now - DEAD_AFTER)
    rows = _hostable().filter(dead)
    ids = []
    for row in rows:
        if row.host_id is None and row.status == Status.QUEUED and now - row.created_at < DEAD_AFTER:
            continue  # its task is on its way
        if row.door == Door.API or not row.stored:
            _fail(row)
        elif row.epoch >= _MOST_LIVES:
            _fail(row, _CANNOT_GO_ON)
        else:
            ids.append(row.pk)
    return ids


def _hostable() -> QuerySet[Response]:
    """Running responses, without those that wait for a person: they need no host, and nobody is to take them over."""
    undecided = ToolCall.objects.filter(response_id=OuterRef("pk"), state=CallState.AWAITING_APPROVAL)
    waits = Q(wait_reason=approvals.WAITS, stop_requested_at__isnull=True) & Exists(undecided)
    return Response.objects.filter(~waits, status__in=_RUNNING)


def _fail(row: Response, error: dict[str, str] = _HOST_DIED) -> None:
    with transaction.atomic():
        mine = Response.objects.filter(pk=row.pk, epoch=row.epoch, status__in=_RUNNING)
        if mine.update(
            status=Status.FAILED,
            host=None,
            epoch=row.epoch + 1,
            error=error,
            last_seq=F("last_seq") + _LOST_LOG_GAP,  # the ending event's, of which only the database knows
            sealed_request=None,
            ended_at=timezone.now(),
        ):
            Conversation.objects.filter(active_id=row.pk).update(active=None)
            if row.door == Door.BACKGROUND:
                webhooks.send(row.tenant_id, "response.failed", {"id": row.pk}, dedupe=row.pk)
    ledger.cancel(row.pk)


async def take_over(host: TurnHost, response_id: str) -> None:
    """Host a response that has no living host, if nobody else was quicker."""
    await host.start()
    row = await db.run(_claim, response_id, host.id)
    if row is None:
        return
    try:
        turn = await _taken_up(row)
    except (DatabaseError, redis.RedisError, OSError, Unavailable) as error:
        # An outage: claimed by a host that lives, it would be nobody's. The next look for orphans finds it again.
        logger.warning("%s is not taken over yet: %s", row.pk, type(error).__name__)
        await until_done(_release, row)
    except Exception as error:
        logger.error("%s cannot go on: %s at %s", row.pk, type(error).__name__, faults.place(error))
        await until_done(_fail, row, _CANNOT_GO_ON)
    else:
        if turn is not None:
            logger.info("%s taken over, epoch %s", row.pk, row.epoch)
            host.launch(turn)


async def _taken_up(row: Response) -> Turn | None:
    """The live turn of a claimed response; None where somebody else has claimed it since."""
    last = await archive.fence(row.pk, row.epoch)
    if last is None:
        return None
    turn = await db.run(_rebuild, row)
    _adopt(turn, await _seen(row.pk), last, row.last_seq)
    return turn


def _release(row: Response) -> None:
    Response.objects.filter(pk=row.pk, epoch=row.epoch, status__in=_RUNNING).update(host=None)


def _claim(response_id: str, host_id: str) -> Response | None:
    now = timezone.now()
    with transaction.atomic():
        row = (
            _hostable()
            .select_for_update(of=("self",))
            .select_related("tenant", "host", "api_key")
            .filter(pk=response_id)
            .first()
        )
        if row is None or (row.host is not None and row.host.heartbeat_at > now - DEAD_AFTER):
            return None
        mine = Response.objects.filter(pk=response_id, epoch=row.epoch)
        if not mine.update(host_id=host_id, epoch=row.epoch + 1, status=Status.IN_PROGRESS, wait_reason=""):
            return None
    row.refresh_from_db(fields=["host", "epoch", "status"])
    return row


def _rebuild(row: Response) -> Turn:
    """The live turn from what is committed: finished steps, and calls whose outcome is not in their item yet."""
    rows = list(row.items.order_by("direction", "position"))
    tool_secrets.restore_input(row, rows)
    outputs = [one for one in rows if one.direction == Item.Direction.OUTPUT]
    waiting = {one.item_id: one.position for one in outputs if _is_waiting(one)}
    source = planning.still(row)
    origin = source.first.origin
    history = context.of_chain(row.tenant_id, row.parent_id, origin)
    history += context.of_items([one for one in rows if not one.abandoned], waiting, origin)
    history = compaction.opened(row.tenant_id, history)
    turn = creation.live_turn(row, row.tenant, source, history, offers.still(row))
    turn.request = tool_secrets.restored(row)
    turn.compared = comparison.still(turn.request)
    turn.usage = row.usage
    turn.details = row.details or {}
    accounts.resumed(turn, row)
    turn.fresh = row.last_seq < 0
    turn.asks = True  # whether calls were decided meanwhile stands in the ledger
    if row.stop_requested_at is not None:
        turn.stop_reason = "stopped"
    last_step = row.steps.order_by("-n").first()
    turn.step = last_step.n + 1 if last_step else 0
    turn.resume = Resume(
        waiting=waiting,
        client_must_act=last_step is not None
        and bool(kinds.owed(one.body for one in outputs if one.step_id == last_step.pk)),
    )
    for one in outputs:
        turn.output.apply({"type": "response.output_item.done", "output_index": one.position, "item": one.body})
        turn.upstream_names[one.position] = one.upstream
        if one.abandoned:
            turn.abandoned.add(one.position)
    turn.committed = len(outputs)
    return turn


def _is_waiting(item: Item) -> bool:
    body = item.body
    return body["type"] == "mcp_call" and body.get("server_label") == SERVER_LABEL and body["status"] == "in_progress"


async def _seen(response_id: str) -> Output | None:
    """What readers have seen, or None when the log is lost."""
    seen, after = Output(), -1
    while frames := await archive.read(response_id, after):
        if after == -1 and frames[0].number != 0:
            return None  # only a seeded tail is left
        for frame in frames:
            seen.apply(frame.event())
        after = frames[-1].number
    return seen if after >= 0 else None


def _adopt(turn: Turn, seen: Output | None, last: int, committed_seq: int) -> None:
    """Go on with the numbers and indexes that readers have seen, and close what the dead host left open."""
    first = last + 1
    if seen is None:
        first = committed_seq + _LOST_LOG_GAP if committed_seq >= 0 else 0
    turn.fresh = first == 0
    turn.log = EventLog(turn.response_id, turn.epoch, first=first, durable=True)
    if seen is None or turn.fresh:
        return
    for index in range(turn.committed):  # the database knows better what is committed
        seen.apply({"type": "response.output_item.done", "output_index": index, "item": turn.output.items[index]})
    turn.output = seen
    engine.close_open_items(turn, abandoned=True)
