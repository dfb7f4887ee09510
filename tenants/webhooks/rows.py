"""Endpoints and deliveries as lines of a page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from tenants import addresses
from tenants.addresses import AddressRefused
from tenants.models import Tenant, WebhookDelivery, WebhookEndpoint
from tenants.webhooks import events, sealing
from tenants.webhooks.posting import ERRORS

_PAGE = 25
_State = WebhookDelivery.State
# What is due or being tried is watched; what waits longer than this is not worth asking for every second.
_SOON = timedelta(seconds=45)
_TITLES = {event.name: event.title for event in events.EVENTS} | {events.TEST: "A test"}


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint in the list. `tone` and `word` say how it does."""

    endpoint: WebhookEndpoint
    host: str
    tone: str
    word: str
    last: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery in the list. `busy`: it moves within the next seconds."""

    delivery: WebhookDelivery
    title: str
    tone: str
    word: str
    answer: str
    busy: bool


def of_endpoints(tenant: Tenant) -> list[EndpointRow]:
    """A workspace's endpoints, by name."""
    newest = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), state=_State.DELIVERED).order_by("-tried_at")
    found = WebhookEndpoint.objects.for_tenant(tenant).annotate(last=Subquery(newest.values("tried_at")[:1]))
    return [EndpointRow(one, host(one), *_how(one), last=one.last) for one in found.order_by("name", "created_at")]


def of_deliveries(endpoint: WebhookEndpoint, page: str | None) -> dict[str, Any]:
    """A page of an endpoint's deliveries, the newest first: `page_obj`, `deliveries`, `busy`, and `told`, a sentence on
    the newest one."""
    found = WebhookDelivery.objects.filter(endpoint=endpoint).order_by("-created_at", "-pk")
    page_obj = Paginator(found, _PAGE).get_page(page)
    now = timezone.now()
    lines = [_line(one, now) for one in page_obj]
    return {
        "page_obj": page_obj,
        "deliveries": lines,
        "busy": any(line.busy for line in lines),
        "told": f"{lines[0].title}: {lines[0].word}. {lines[0].answer}" if lines else "",
    }


def host(endpoint: WebhookEndpoint) -> str:
    """The host and port of an endpoint's address; the rest of it may be a password."""
    try:
        target = addresses.read(sealing.unseal(endpoint, "sealed_url"))
    except (sealing.Unreadable, AddressRefused):
        return "unreadable"
    return target.host if target.port in {80, 443} else f"{target.host}:{target.port}"


def _how(endpoint: WebhookEndpoint) -> tuple[str, str]:
    if not endpoint.enabled:
        return ("stop" if endpoint.off_reason != WebhookEndpoint.Off.PERSON else ""), "Off"
    return ("wait", "Failing") if endpoint.failing_since else ("done", "On")


def _line(delivery: WebhookDelivery, now: datetime) -> DeliveryRow:
    busy = delivery.next_at is not None and delivery.next_at - now < _SOON
    if delivery.state == _State.DELIVERED:
        tone, word = "done", "Delivered"
    elif delivery.state == _State.FAILED:
        tone, word = "stop", "Given up"
    elif delivery.attempts == 0 or (busy and not _was_answered(delivery)):
        tone, word = "", "On its way"
    else:
        tone, word = "wait", "Waits for its next try"
    title = _TITLES.get(delivery.event_type, delivery.event_type)
    return DeliveryRow(delivery, title, tone, word, _answer(delivery), busy)


def _was_answered(delivery: WebhookDelivery) -> bool:
    return delivery.status is not None or bool(delivery.error)


def _answer(delivery: WebhookDelivery) -> str:
    if delivery.error:
        return ERRORS.get(delivery.error, "It failed.")
    if delivery.status is None:
        return ""
    return f"Answered {delivery.status} in {delivery.duration_ms} ms."
