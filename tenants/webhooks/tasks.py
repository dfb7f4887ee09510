"""Celery tasks of webhooks. They take ids, and hand posts to the process's own loop, where a slow receiver costs no
thread."""

import asyncio
import logging
import uuid
from weakref import WeakValueDictionary

from celery import shared_task

from deny_web import loop
from tenants.models import WebhookEndpoint
from tenants.webhooks import delivery, sending, switching

logger = logging.getLogger(__name__)

_EACH = 4  # posts to one endpoint at once, so that a slow one holds up itself and nobody else
_ALL = asyncio.Semaphore(64)
_MOST = 2000  # deliveries that wait here; beat's sweep brings the others
_lanes: WeakValueDictionary[uuid.UUID, asyncio.Semaphore] = WeakValueDictionary()
_here: set[uuid.UUID] = set()


@shared_task(name="webhooks.deliver")
def deliver(delivery_id: str, endpoint_id: str) -> None:
    """Post one delivery, soon."""
    loop.submit(_in_lane(uuid.UUID(delivery_id), uuid.UUID(endpoint_id)))


@shared_task(name="webhooks.sweep")
def sweep() -> None:
    """Beat's round over deliveries whose time has come, or whose worker is gone."""
    sending.enqueue(delivery.due())


@shared_task(name="webhooks.tidy")
def tidy() -> None:
    """Beat's round over what is old."""
    delivery.tidy()


@shared_task(name="webhooks.mail")
def mail(endpoint_id: str) -> None:
    """Tell owners of an endpoint that was switched off."""
    endpoint = WebhookEndpoint.objects.select_related("tenant").filter(pk=endpoint_id, enabled=False).first()
    if endpoint is not None:
        switching.tell_owners(endpoint)


async def _in_lane(delivery_id: uuid.UUID, endpoint_id: uuid.UUID) -> None:
    if delivery_id in _here or len(_here) >= _MOST:
        return
    _here.add(delivery_id)
    lane = _lanes.setdefault(endpoint_id, asyncio.Semaphore(_EACH))
    try:
        async with lane, _ALL:
            await delivery.deliver(delivery_id)
    except Exception as error:  # the task's edge: nobody waits for this; the row is due again when its lease has passed
        logger.error("webhook delivery %s was left behind: %s", delivery_id, type(error).__name__)
    finally:
        _here.discard(delivery_id)
