"""Which rows of the audit trail somebody wants to see: by act, by who, by what it was done to, by days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q, QuerySet

from tenants.models import AuditRow, Tenant


@dataclass(frozen=True, slots=True)
class Wanted:
    """What rows have to match; what is empty matches all. `actor` and `subject` are parts of the text, in any case;
    the days are whole ones, in UTC, the last one included."""

    verb: str = ""
    actor: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None

    def told(self) -> dict[str, str]:
        """What was asked for, without what was not, for a link, a record or a file."""
        fields = {name: getattr(self, name) for name in ("verb", "actor", "subject", "since", "until")}
        return {name: str(value) for name, value in fields.items() if value}


def matching(tenant: Tenant, wanted: Wanted) -> QuerySet[AuditRow]:
    """The rows, in no order yet."""
    conditions = Q()
    if wanted.verb:
        conditions &= Q(verb=wanted.verb)
    if wanted.actor:
        conditions &= Q(actor__icontains=wanted.actor)
    if wanted.subject:
        conditions &= Q(subject__icontains=wanted.subject)
    if wanted.since:
        conditions &= Q(at__gte=_midnight(wanted.since))
    if wanted.until and wanted.until < date.max:
        conditions &= Q(at__lt=_midnight(wanted.until + timedelta(days=1)))
    return AuditRow.objects.for_tenant(tenant).filter(conditions)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
