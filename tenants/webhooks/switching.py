"""Switching an endpoint on and off, by a person or by what its receiver answers."""

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from deny_web import celery
from tenants import audit
from tenants.access import Principal
from tenants.models import Membership, Role, WebhookDelivery, WebhookEndpoint

Off = WebhookEndpoint.Off


def off(endpoint: WebhookEndpoint, reason: str, *, actor: Principal | str) -> None:
    """Send nothing more; what is on its way ends, and can be sent again by hand. The caller holds the row."""
    endpoint.enabled, endpoint.off_reason, endpoint.failing_since = False, reason, None
    endpoint.save(update_fields=["enabled", "off_reason", "failing_since"])
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=WebhookDelivery.State.PENDING)
    waiting.update(state=WebhookDelivery.State.FAILED, next_at=None, error="switched_off")
    audit.record(endpoint.tenant, "webhook.off", actor=actor, subject=endpoint.name, detail={"reason": reason})


def on(endpoint: WebhookEndpoint, *, actor: Principal | str) -> None:
    """Send again what happens from now on. The caller holds the row."""
    endpoint.enabled, endpoint.off_reason = True, ""
    endpoint.save(update_fields=["enabled", "off_reason"])
    audit.record(endpoint.tenant, "webhook.on", actor=actor, subject=endpoint.name)


def give_up(endpoint: WebhookEndpoint, reason: str) -> None:
    """Switch off what cannot be reached, and tell the owners. The caller holds the row."""
    off(endpoint, reason, actor="worker")
    transaction.on_commit(lambda: _ask_for_mail(endpoint))


def tell_owners(endpoint: WebhookEndpoint) -> None:
    """Mail to each owner that their endpoint was switched off, and why. Blocks on the mail server."""
    tenant = endpoint.tenant
    path = reverse("webhook", kwargs={"slug": tenant.slug, "pk": endpoint.pk})
    base = settings.PUBLIC_URL or f"http://{settings.HOST}:{settings.PORT}"
    context = {"endpoint": endpoint, "tenant": tenant, "address": f"{base.rstrip('/')}{path}"}
    subject = " ".join(f"deny_web: a webhook of {tenant.name} is off".split())  # a line break would end the header
    body = render_to_string("mail/webhook_off.txt", context)
    owners = Membership.objects.for_tenant(tenant).filter(role=Role.OWNER, user__is_active=True)
    addresses = owners.values_list("user__email", flat=True)
    # One each: owners need not learn each other's addresses from a mail that may be forwarded.
    get_connection().send_messages([EmailMessage(subject, body, to=[address]) for address in addresses])


def _ask_for_mail(endpoint: WebhookEndpoint) -> None:
    celery.ask("webhooks.mail", str(endpoint.pk))  # lost, it is not asked for again: the page and the trail say it too
