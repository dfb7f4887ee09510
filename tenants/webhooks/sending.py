"""Telling an event: the rows that it becomes, in the transaction of what it tells of."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from deny_web import celery
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.webhooks import events


def send(tenant_id: uuid.UUID, event_type: str, data: dict[str, Any], *, dedupe: str) -> None:
    """Tell the workspace's endpoints that asked for this type. Part of the caller's transaction: both, or neither.

    `data` is small JSON and goes out as it is: ids, names and times, never a secret nor what was said. The same
    `dedupe` (at most 200 characters) for the same type again sends nothing. One query where nobody listens.

    Raises:
        ValueError: no such type; see `events.EVENTS`.
    """
    if event_type not in events.KNOWN:
        raise ValueError(f"no such webhook event: {event_type}")
    endpoints = (
        WebhookEndpoint.objects.for_tenant(tenant_id).filter(enabled=True).only("id", "tenant_id", "event_types")
    )
    listening = [endpoint for endpoint in endpoints if event_type in endpoint.event_types]
    if listening:
        post(listening, event_type, data, dedupe=dedupe)


def post(
    endpoints: Iterable[WebhookEndpoint], event_type: str, data: dict[str, Any], *, dedupe: str
) -> list[WebhookDelivery]:
    """One event to these endpoints, whatever they asked for."""
    event, now = events.make(event_type, data), timezone.now()
    rows = [
        WebhookDelivery(
            tenant_id=endpoint.tenant_id,
            endpoint=endpoint,
            event_id=event.id,
            event_type=event_type,
            dedupe=dedupe,
            body=event.body,
            next_at=now,
        )
        for endpoint in endpoints
    ]
    made = WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    transaction.on_commit(lambda: enqueue(made))
    return made


def enqueue(deliveries: Iterable[WebhookDelivery]) -> None:
    """Ask the workers to post what is due; called after commit. What the broker loses, beat's sweep finds."""
    for delivery in deliveries:
        if not celery.ask("webhooks.deliver", str(delivery.pk), str(delivery.endpoint_id)):
            return
