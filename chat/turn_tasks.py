"""Celery tasks of the turns workers. They take ids, and hand the work to this process's long-lived loop."""

import logging

from celery import shared_task

from chat import hosting, recovery
from deny_web import loop

logger = logging.getLogger(__name__)


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
        host_turn.delay(response_id)


@shared_task(name="turns.sweep")
def sweep() -> None:
    """Hourly chores: what has expired and is nobody's any more."""
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    Session.objects.filter(expire_date__lt=timezone.now()).delete()
