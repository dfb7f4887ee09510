"""A delivery's way: claimed, posted, and what its answer means for it and for its endpoint.

    pending ─claim─> pending, next_at = now + LEASE ─post─> delivered                         2xx
                                                       ├──> pending, next_at = the next try    anything else
                                                       └──> failed                             no try is left, or 410

Every move is one `UPDATE` with the old state and the attempt's number in its `WHERE`, so that two workers with the same
message post it once, and one that comes back late changes nothing. A worker that dies leaves a `next_at` that passes:
the sweep finds it, and the same event goes out again under the same id. At least once, never lost.
"""

import random
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from deny_web import db
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.webhooks import posting, sealing, signing, switching
from tenants.webhooks.posting import Answer
from tenants.webhooks.sealing import Unreadable

State = WebhookDelivery.State

# Seconds from one try to the next: about three days in all, as the specification recommends.
DELAYS: Final = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
JITTER: Final = 0.1  # of a delay, either way: what failed together does not come back together
LEASE: Final = timedelta(seconds=30)  # longer than a post with all that is around it
FAILING_FOR: Final = timedelta(days=5)
KEPT_FOR: Final = timedelta(days=30)
_EACH = 16  # due deliveries of one endpoint in one sweep, so that a backlog keeps nobody else waiting


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt, by the worker that claimed it."""

    delivery_id: uuid.UUID
    endpoint_id: uuid.UUID
    attempt: int
    event_id: str
    body: str
    url: str = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)


async def deliver(delivery_id: uuid.UUID) -> None:
    """Make the next attempt, if it is due and nobody else was quicker."""
    job = await db.run(claim, delivery_id)
    if job is None:
        return
    headers = signing.headers(job.keys, job.event_id, int(time.time()), job.body)
    began = time.monotonic()
    answer = await posting.post(job.url, headers, job.body)
    await db.run(finish, job, answer, round((time.monotonic() - began) * 1000))


def claim(delivery_id: uuid.UUID) -> Job | None:
    """Take the next attempt of a delivery that is due; None where there is none to make."""
    now = timezone.now()
    due = WebhookDelivery.objects.filter(pk=delivery_id, state=State.PENDING, next_at__lte=now)
    if not due.update(attempts=F("attempts") + 1, next_at=now + LEASE, tried_at=now):
        return None
    row = WebhookDelivery.objects.select_related("endpoint").filter(pk=delivery_id).first()
    if row is None:
        return None
    if row.attempts > len(DELAYS) + 1:  # workers died with it again and again
        _mine(row.pk, row.attempts).update(state=State.FAILED, next_at=None, error="worker_lost")
        return None
    try:
        url, keys = sealing.unseal(row.endpoint, "sealed_url"), _keys(row.endpoint, now)
    except Unreadable:
        job = Job(row.pk, row.endpoint_id, row.attempts, row.event_id, row.body, "", ())
        finish(job, Answer(error="unreadable"), 0)
        return None
    return Job(row.pk, row.endpoint_id, row.attempts, row.event_id, row.body, url, keys)


def finish(job: Job, answer: Answer, duration_ms: int) -> None:
    """Write down what came of an attempt; nothing, where it is not this worker's any more."""
    with transaction.atomic():
        # The endpoint first, as everywhere: whoever switches it off locks it and then its deliveries.
        endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=job.endpoint_id).first()
        mine = _mine(job.delivery_id, job.attempt)
        told = {"status": answer.status, "error": answer.error, "duration_ms": duration_ms}
        if endpoint is None:
            return
        if answer.good:
            if mine.update(state=State.DELIVERED, next_at=None, **told) and endpoint.failing_since:
                endpoint.failing_since = None
                endpoint.save(update_fields=["failing_since"])
        elif (next_at := _next_try(job.attempt, answer)) is not None:
            if mine.update(next_at=next_at, **told):
                _failed(endpoint, answer)
        elif mine.update(state=State.FAILED, next_at=None, **told):
            _failed(endpoint, answer)


def due() -> list[WebhookDelivery]:
    """Deliveries whose time has come, a few of each endpoint, the oldest first."""
    rows = WebhookDelivery.objects.filter(state=State.PENDING, next_at__lte=timezone.now())
    found: list[WebhookDelivery] = []
    for endpoint_id in rows.order_by().values_list("endpoint_id", flat=True).distinct():
        found += rows.filter(endpoint=endpoint_id).order_by("next_at").only("endpoint_id")[:_EACH]
    return found


def tidy() -> None:
    """Forget what is old: deliveries after 30 days, replaced secrets after their day."""
    now = timezone.now()
    WebhookDelivery.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    WebhookEndpoint.objects.filter(old_secret_until__lte=now).update(sealed_old_secret=None, old_secret_until=None)


def _mine(delivery_id: uuid.UUID, attempt: int) -> "QuerySet[WebhookDelivery]":
    return WebhookDelivery.objects.filter(pk=delivery_id, attempts=attempt, state=State.PENDING)


def _keys(endpoint: WebhookEndpoint, now: datetime) -> tuple[str, ...]:
    keys = [sealing.unseal(endpoint, "sealed_secret")]
    if endpoint.old_secret_until is not None and endpoint.old_secret_until > now:
        keys.append(sealing.unseal(endpoint, "sealed_old_secret"))
    return tuple(keys)


def _next_try(attempt: int, answer: Answer) -> datetime | None:
    if answer.status == 410 or attempt > len(DELAYS):
        return None
    delay = DELAYS[attempt - 1]
    return timezone.now() + timedelta(seconds=delay * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret


def _failed(endpoint: WebhookEndpoint, answer: Answer) -> None:
    """What a failure means for the endpoint, whose row the caller holds."""
    now = timezone.now()
    if not endpoint.enabled:
        return
    if answer.status == 410:
        switching.give_up(endpoint, WebhookEndpoint.Off.GONE)
    elif endpoint.failing_since is None:
        endpoint.failing_since = now
        endpoint.save(update_fields=["failing_since"])
    elif now - endpoint.failing_since >= FAILING_FOR:
        switching.give_up(endpoint, WebhookEndpoint.Off.FAILING)
