"""Celery tasks of the turns workers. They take ids, and hand the work to this process's long-lived loop."""

from celery import shared_task
from celery.signals import worker_shutting_down
from django.contrib.sessions.models import Session
from django.utils import timezone

from chat import hosting, recovery, reservations, usage
from chat.models import ToolCall
from chat.models.response import ENDED
from deny_web import celery, loop


async def _take_over(response_id: str) -> None:
    await recovery.take_over(hosting.here(), response_id)


@shared_task(name="turns.host")
def host_turn(response_id: str) -> None:
    """Host a queued background turn, or one whose host is gone."""
    loop.submit(_take_over(response_id)).result(timeout=30)


@shared_task(name="turns.recover")
def recover() -> None:
    """Find turns without a living host, every two seconds; each goes to whichever turns worker is free."""
    for response_id in recovery.orphans():
        celery.ask("turns.host", response_id)


@shared_task(name="turns.sweep")
def sweep() -> None:
    """Chores of every minute: what has expired, and what a response that stores nothing left in the ledger.

    A worker may write an outcome after the turn's end has emptied its rows, so they are emptied once more here.
    """
    reservations.settle_left()
    usage.count_left()
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    left = ToolCall.objects.filter(response__stored=False, response__status__in=ENDED, ended_at__isnull=False)
    left.exclude(args="", result=None).update(args="", result=None)


@worker_shutting_down.connect(dispatch_uid="chat.release_turns")
def release_turns(**_: object) -> None:
    """This worker is asked to go: its turns get their grace, the rest is released for another to take over."""
    loop.submit(_stop_hosting())


async def _stop_hosting() -> None:
    await hosting.here().stop()
