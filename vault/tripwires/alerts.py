"""The alerts of a workspace, for those who look after them."""

from uuid import UUID

from django.db import transaction
from django.db.models import Case, QuerySet, When
from django.utils import timezone

from tenants import audit
from tenants.access import Act, Principal
from tenants.models import Tenant
from tenants.rules import need
from vault.models import Sighting

ACKNOWLEDGE = "tripwire.acknowledge"


def of(tenant: Tenant) -> "QuerySet[Sighting]":
    """Those that wait first, then the newest."""
    rows = Sighting.objects.for_tenant(tenant).select_related("token", "acknowledged_by")
    waits = Case(When(acknowledged_at=None, then=0), default=1)
    return rows.order_by(waits, "-last_at")


def unacknowledged(tenant: Tenant) -> int:
    return Sighting.objects.for_tenant(tenant).filter(acknowledged_at=None).count()


def acknowledge(alert_id: UUID | None, *, acting: Principal) -> int:
    """Say that somebody has looked: at one alert, or with None at all that wait. Answers how many did."""
    need(acting, Act.VAULT_WRITE)
    with transaction.atomic():
        rows = Sighting.objects.for_tenant(acting.tenant).filter(acknowledged_at=None)
        if alert_id is not None:
            rows = rows.filter(pk=alert_id)
        names = sorted(set(rows.values_list("name", flat=True)))
        done = rows.update(acknowledged_at=timezone.now(), acknowledged_by=acting.user)
        if done:
            audit.record(acting.tenant, ACKNOWLEDGE, actor=acting, subject=", ".join(names), detail={"alerts": done})
    return done
