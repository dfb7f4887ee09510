"""An armed value was seen: the alert's row, its audit row and its webhook in one transaction; mail and hook after it.

The same honeytoken in the same place, detail and conversation by the same person or key within `AGAIN` counts one alert
up: a loop that repeats it floods neither the trail nor anybody's mail. Nor does one that varies it: from `APART` alerts
on, whatever is new in that place and of that person is one alert more, which says so. An alert that somebody has
acknowledged counts nothing up.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from deny_web import celery
from tenants import audit, webhooks
from tenants.access import Principal
from tenants.models import ApiKey, Role, Tenant, User
from vault.models import Honeytoken, Sighting
from vault.tripwires import armed

AGAIN = timedelta(minutes=10)
APART = 20  # alerts within `AGAIN` of one honeytoken, place and person; each is mailed
HOOK_EVERY = timedelta(minutes=10)  # whatever is seen where: a provider's key is not rotated in a loop
VERB = "tripwire.sighted"
EVENT = "deny_web.tripwire.sighted"


@dataclass(frozen=True, slots=True)
class Who:
    """Who is told to have had the value: a person, a key, or neither (`name` says what is known)."""

    name: str
    user_id: int | None = None
    api_key_id: int | None = None

    @classmethod
    def of(cls, principal: Principal) -> "Who":
        key = principal.api_key
        return cls(principal.actor, principal.user.pk if principal.user else None, key.pk if key else None)

    @classmethod
    def by_ids(cls, user_id: int | None, api_key_id: int | None) -> "Who":
        """Raises nothing for ids that are gone."""
        keys = ApiKey.objects.select_related("tenant", "created_by")
        key = keys.filter(pk=api_key_id).first() if api_key_id else None
        if key is not None:
            return cls.of(Principal(key.tenant, Role(key.role), key.created_by, key))
        person = User.objects.filter(pk=user_id).first() if user_id else None
        return cls(person.email, person.pk) if person else cls("somebody who is gone")


@dataclass(frozen=True, slots=True)
class Where:
    """The place of a sighting. `detail` is a tool's name, a route, or an address and a route; `stopped` where the tool
    call was refused."""

    place: Sighting.Place
    detail: str = ""
    response_id: str = ""
    conversation_id: str = ""
    stopped: bool = False


def look(tenant: Tenant, texts: Iterable[str], who: Who, where: Where) -> list[Honeytoken]:
    """Look for the workspace's honeytokens in texts, and report what is there. No query where none is armed."""
    watched = armed.of(tenant)
    found = watched.seen_in(texts) if watched else []
    report(found, who, where)
    return found


def report(tokens: Iterable[Honeytoken], who: Who, where: Where) -> None:
    """Raise an alert for each."""
    for token in tokens:
        _report(token, who, where)


def _report(token: Honeytoken, who: Who, where: Where) -> None:
    now = timezone.now()
    with transaction.atomic():
        # The lock under which two sightings at once do not both find no alert to count up.
        tenant = Tenant.objects.select_for_update(no_key=True).get(pk=token.tenant_id)
        same = Honeytoken.objects.for_tenant(tenant).filter(pk=token.pk)
        same.update(sighted=F("sighted") + 1, last_sighted_at=now)
        lately = Sighting.objects.for_tenant(tenant).filter(
            token=token.pk, place=where.place, who=who.name[:300], first_at__gt=now - AGAIN
        )
        if _counted_up(lately, where, now):
            return
        if lately.count() >= APART:
            where = replace(where, detail=Sighting.MERGED, response_id="", conversation_id="")
            if _counted_up(lately, where, now):
                return
        _raise(tenant, token, who, where, now)


def _counted_up(lately: "QuerySet[Sighting]", where: Where, now: datetime) -> bool:
    """Whether there is an alert of just this, which is counted up."""
    same = lately.filter(detail=where.detail[:200], conversation_id=where.conversation_id, acknowledged_at=None)
    newest = same.order_by("-first_at").values_list("pk", flat=True).first()
    if newest is None:
        return False
    # A call that was refused after others that were let through, or without one, has to show too.
    stopped = {"stopped": True} if where.stopped else {}
    Sighting.objects.filter(pk=newest).update(count=F("count") + 1, last_at=now, **stopped)
    return True


def _raise(tenant: Tenant, token: Honeytoken, who: Who, where: Where, now: datetime) -> None:
    row = Sighting(
        pk=uuid.uuid4(),
        tenant=tenant,
        token_id=token.pk if Honeytoken.objects.filter(pk=token.pk).exists() else None,
        name=token.name,
        place=where.place,
        detail=where.detail[:200],
        stopped=where.stopped,
        who=who.name[:300],
        user_id=who.user_id,
        api_key_id=who.api_key_id,
        response_id=where.response_id,
        conversation_id=where.conversation_id,
        first_at=now,
        last_at=now,
        hook=Sighting.Hook.DUE if token.hook_tool and not _hooked_lately(token, now) else Sighting.Hook.NONE,
    )
    row.save(force_insert=True)
    known = {"alert": str(row.pk), "place": row.place, "detail": row.detail, "stopped": row.stopped}
    links = {"response": row.response_id, "conversation": row.conversation_id}
    audit.record(tenant, VERB, actor=row.who, subject=row.name, detail={**known, **links})
    told = {"honeytoken": row.name, "who": row.who, "seen_at": int(now.timestamp()), **links}
    webhooks.send(tenant.pk, EVENT, {**known, **told}, dedupe=str(row.pk))
    transaction.on_commit(lambda: enqueue(row.pk))


def _hooked_lately(token: Honeytoken, now: datetime) -> bool:
    lately = Sighting.objects.filter(token=token.pk, first_at__gt=now - HOOK_EVERY)
    return lately.exclude(hook=Sighting.Hook.NONE).exists()


def enqueue(sighting_id: uuid.UUID) -> None:
    """Ask a worker to mail and to call the hook. What the broker loses, beat's sweep finds."""
    celery.ask("vault.tell_sighting", str(sighting_id))
