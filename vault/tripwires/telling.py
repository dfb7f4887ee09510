"""What follows an alert: mail to the owners and admins, and the tool that rotates the key. Run by a worker.

Each is done when its row says so: what a crash or a mail server cut off, beat's sweep asks for again, for a day. Mail
that was sent just before a crash is sent twice; a hook's call and the row that says so are one transaction.
"""

import logging
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.http import Http404
from django.template.loader import render_to_string
from django.urls import reverse

from tenants import access
from tenants.access import Act, Principal
from tenants.models import Membership, Role
from vault.errors import Refused
from vault.models import Sighting
from vault.tripwires import rotation, sightings

logger = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=1)  # that a task has before the sweep asks for it again
GIVE_UP = timedelta(days=1)


def tell(sighting_id: uuid.UUID) -> None:
    """Do what is due for an alert. Raises smtplib.SMTPException or OSError where the mail cannot be sent."""
    rows = Sighting.objects.select_related("tenant", "token")
    row = rows.filter(pk=sighting_id).first()
    if row is None:
        return
    if row.hook == Sighting.Hook.DUE:
        _call_hook(row)
    if row.mail_due:
        _mail(row)
        Sighting.objects.filter(pk=row.pk).update(mail_due=False)


def sweep(now: datetime) -> None:
    """Ask again for what is due for longer than a task takes."""
    due = Sighting.objects.filter(first_at__lt=now - PATIENCE, first_at__gt=now - GIVE_UP)
    overdue = due.filter(mail_due=True) | due.filter(hook=Sighting.Hook.DUE)
    for pk in overdue.values_list("pk", flat=True)[:100]:
        sightings.enqueue(pk)


def address(path: str) -> str:
    """A page's address as people reach it."""
    return (settings.PUBLIC_URL or f"http://{settings.HOST}:{settings.PORT}").rstrip("/") + path


def _mail(row: Sighting) -> None:
    people = Membership.objects.for_tenant(row.tenant).filter(role__in=(Role.OWNER, Role.ADMIN), user__is_active=True)
    url = address(reverse("tripwires", kwargs={"slug": row.tenant.slug}))
    text = render_to_string("vault/tripwires/mail.txt", {"alert": row, "url": url})
    subject = f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{row.name} was sighted in {row.tenant.name}"
    subject = " ".join(subject.split())
    # One each: who else is told is nobody's business, and one bad address holds up no other.
    addresses = people.order_by("user__email").values_list("user__email", flat=True)
    with get_connection() as connection:
        connection.send_messages([EmailMessage(subject, text, to=[one]) for one in addresses])


def _call_hook(row: Sighting) -> None:
    with transaction.atomic():
        row = Sighting.objects.select_for_update(of=("self",)).select_related("tenant", "token").get(pk=row.pk)
        if row.hook != Sighting.Hook.DUE:
            return  # another delivery of the same task was quicker
        try:
            row.hook_call, row.hook = _called(row), Sighting.Hook.CALLED
        except Refused as refusal:
            row.hook, row.hook_reason = Sighting.Hook.REFUSED, str(refusal)[:200]
        row.save(update_fields=["hook", "hook_call", "hook_reason"])


def _called(row: Sighting) -> uuid.UUID:
    token, rotator = row.token, rotation.rotator()
    if token is None or not token.hook_tool or token.hook_version is None or rotator is None:
        raise Refused("The honeytoken calls no tool any more.")
    return rotator.call(token.hook_tool, token.hook_version, token.hook_args, acting=_chooser(row))


def _chooser(row: Sighting) -> Principal:
    """Whoever chose the tool, as long as they may still call it: a hook is not a way to act after one has left."""
    person = row.token.hook_by if row.token else None
    try:
        if person is not None:
            return access.for_session(person, row.tenant.slug, Act.TOOLS_WRITE)
    except (Http404, PermissionDenied):
        pass
    raise Refused("The person who chose the tool may not call it any more. Choose it again.")
