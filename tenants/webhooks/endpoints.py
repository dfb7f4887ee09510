"""Where a workspace's events go: each act writes its audit row in the same transaction.

The audit trail names the receiver's host and nothing else of its address, which may hold a token.
"""

import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.http import Http404
from django.utils import timezone

from tenants import audit
from tenants.access import Act, Principal
from tenants.addresses import AddressRefused
from tenants.models import Tenant, WebhookDelivery, WebhookEndpoint
from tenants.rules import Refused, need
from tenants.webhooks import events, posting, sealing, sending, signing, switching

MOST: Final = 10  # endpoints of a workspace
OLD_SECRET_FOR: Final = timedelta(hours=24)
LONGEST_URL: Final = 1000  # characters
NAME_LENGTH: Final = 80  # characters
_State = WebhookDelivery.State


def create(name: str, url: str, event_types: Collection[str], *, acting: Principal) -> tuple[WebhookEndpoint, str]:
    """A new endpoint: (its row, the secret that signs, which is shown once).

    Raises:
        Refused: an address that may not be reached, an unknown type, or one endpoint too many.
        PermissionDenied: the acting principal may not.
    """
    need(acting, Act.WEBHOOKS_WRITE)
    host = _checked(url := url.strip(), event_types)
    endpoint, secret = WebhookEndpoint(tenant=acting.tenant), signing.mint()
    _fill(endpoint, name, url, event_types)
    sealing.seal(endpoint, "sealed_secret", secret)
    with transaction.atomic():
        # Locked, so that two adds at once do not both see room for the last one.
        Tenant.objects.select_for_update(no_key=True).get(pk=acting.tenant.pk)
        if WebhookEndpoint.objects.for_tenant(acting.tenant).count() >= MOST:
            raise Refused(f"A workspace has at most {MOST} webhooks. Delete one first.")
        endpoint.save(force_insert=True)
        _note(endpoint, "webhook.create", acting, host=host, events=sorted(event_types))
    return endpoint, secret


def change(
    endpoint: WebhookEndpoint, *, name: str, url: str, event_types: Collection[str], acting: Principal
) -> WebhookEndpoint:
    """Another name, address or choice of events; the secret stays. Raises as `create` does, and Http404 as they all do
    where the endpoint is gone."""
    need(acting, Act.WEBHOOKS_WRITE)
    host = _checked(url := url.strip(), event_types)
    with transaction.atomic():
        endpoint = _locked(endpoint, acting)
        _fill(endpoint, name, url, event_types)
        endpoint.save(update_fields=["name", "sealed_url", "event_types"])
        _note(endpoint, "webhook.change", acting, host=host, events=sorted(event_types))
    return endpoint


def rotate(endpoint: WebhookEndpoint, *, acting: Principal) -> str:
    """A new secret, shown once. For a day the one until now signs too; one from before that ends at once."""
    need(acting, Act.WEBHOOKS_WRITE)
    secret = signing.mint()
    with transaction.atomic():
        endpoint = _locked(endpoint, acting)
        try:
            sealing.seal(endpoint, "sealed_old_secret", sealing.unseal(endpoint, "sealed_secret"))
            endpoint.old_secret_until = timezone.now() + OLD_SECRET_FOR
        except sealing.Unreadable:  # a new secret is the way out of it
            endpoint.sealed_old_secret, endpoint.old_secret_until = None, None
        sealing.seal(endpoint, "sealed_secret", secret)
        endpoint.save(update_fields=["sealed_secret", "sealed_old_secret", "old_secret_until"])
        _note(endpoint, "webhook.rotate", acting)
    return secret


def switch(endpoint: WebhookEndpoint, *, on: bool, acting: Principal) -> None:
    """Switch an endpoint on or off; once more changes nothing."""
    need(acting, Act.WEBHOOKS_WRITE)
    with transaction.atomic():
        endpoint = _locked(endpoint, acting)
        if on and not endpoint.enabled:
            switching.on(endpoint, actor=acting)
        elif not on and endpoint.enabled:
            switching.off(endpoint, WebhookEndpoint.Off.PERSON, actor=acting)


def remove(endpoint: WebhookEndpoint, *, acting: Principal) -> None:
    """Delete an endpoint with its secret and the list of its deliveries."""
    need(acting, Act.WEBHOOKS_WRITE)
    with transaction.atomic():
        endpoint = _locked(endpoint, acting)
        _note(endpoint, "webhook.delete", acting)
        endpoint.delete()


def test(endpoint: WebhookEndpoint, *, acting: Principal) -> WebhookDelivery:
    """Send a `deny_web.test` event, now. Raises Refused where the endpoint is off."""
    need(acting, Act.WEBHOOKS_WRITE)
    with transaction.atomic():
        endpoint = _locked(endpoint, acting)
        _need_on(endpoint)
        data = {"workspace": acting.tenant.slug, "message": "It works."}
        (made,) = sending.post([endpoint], events.TEST, data, dedupe=uuid.uuid4().hex)
        _note(endpoint, "webhook.test", acting)
    return made


def resend(delivery: WebhookDelivery, *, acting: Principal) -> None:
    """Send an event that has ended its way once more, under the same id. Raises Refused where it has not."""
    need(acting, Act.WEBHOOKS_WRITE)
    with transaction.atomic():
        endpoint = _locked(delivery.endpoint, acting)
        _need_on(endpoint)
        ended = WebhookDelivery.objects.for_tenant(acting.tenant).filter(pk=delivery.pk).exclude(state=_State.PENDING)
        if not ended.update(state=_State.PENDING, attempts=0, next_at=timezone.now(), error="", status=None):
            raise Refused("This event is on its way already.")
        _note(endpoint, "webhook.resend", acting, event=delivery.event_id)
        transaction.on_commit(lambda: sending.enqueue([delivery]))


def _checked(url: str, event_types: Collection[str]) -> str:
    """The host of an address that may be used. It blocks on the name's look-up, so it comes before any lock."""
    if not event_types:
        raise Refused("Choose at least one event.")
    if unknown := set(event_types) - events.KNOWN:
        raise Refused(f"There is no event {min(unknown)!r}.")
    if len(url) > LONGEST_URL:
        raise Refused(f"An address has at most {LONGEST_URL} characters.")
    try:
        return posting.check(url, resolve=True).host
    except AddressRefused as refused:
        raise Refused(f"This address cannot be used: {refused.sentence}.") from None


def _fill(endpoint: WebhookEndpoint, name: str, url: str, event_types: Collection[str]) -> None:
    endpoint.name = " ".join(name.split())[:NAME_LENGTH] or "Webhook"
    endpoint.event_types = [event.name for event in events.EVENTS if event.name in event_types]
    sealing.seal(endpoint, "sealed_url", url)


def _locked(endpoint: WebhookEndpoint, acting: Principal) -> WebhookEndpoint:
    rows = WebhookEndpoint.objects.for_tenant(acting.tenant).select_for_update(no_key=True)
    found = rows.filter(pk=endpoint.pk).first()
    if found is None:  # deleted meanwhile, or another workspace's
        raise Http404
    return found


def _need_on(endpoint: WebhookEndpoint) -> None:
    if not endpoint.enabled:
        raise Refused("This webhook is off. Switch it on first.")


def _note(endpoint: WebhookEndpoint, verb: str, acting: Principal, **detail: object) -> None:
    audit.record(acting.tenant, verb, actor=acting, subject=endpoint.name, detail=detail)
