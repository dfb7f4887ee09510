"""What the Models page shows of a workspace's upstreams and routes: in which order, how they are, what leads where."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chat.models import Provider, Route
from chat.providers import actions, health, upstream
from chat.providers.health import Trouble
from tenants.models import Tenant

# What an upstream did last, by the error's code.
LAST = {
    "upstream_timeout": "It did not answer in time.",
    "upstream_unavailable": "It could not be reached, or failed.",
    "upstream_key_refused": "It refused the key.",
    "rate_limit_exceeded": "It is at its limit.",
    "upstream_cut": "Its answer broke off before it began.",
    "upstream_malformed": "It answered in another format.",
}
_SERVERS = (Provider.Kind.DEFAULT, Provider.Kind.DEMO)
_FAILED = "It said that it failed."


@dataclass(frozen=True, slots=True)
class Health:
    """A chip's word and tone, and what is behind it."""

    word: str
    tone: str
    text: str = ""
    since: datetime | None = None


def context(tenant: Tenant) -> dict[str, Any]:
    """`upstreams` in their order, and `routes` in theirs."""
    rows = actions.stored(tenant)
    troubles = health.known(rows)
    upstreams = [{"row": row, "health": _health(row, troubles.get(row.name))} for row in rows]
    return {"upstreams": upstreams, "routes": routes(tenant)}


def routes(tenant: Tenant) -> list[dict[str, Any]]:
    """Each route with the names of its upstreams."""
    rows = Route.objects.for_tenant(tenant).order_by("position", "pk").prefetch_related("steps__provider")
    return [
        {"row": row, "names": [step.provider.name for step in sorted(row.steps.all(), key=lambda step: step.position)]}
        for row in rows
    ]


def leading_to(row: Provider) -> list[str]:
    """The patterns of routes that would go with it, since they lead to it alone."""
    found = Route.objects.for_tenant(row.tenant).filter(steps__provider=row).prefetch_related("steps")
    return [route.pattern for route in found if len(route.steps.all()) == 1]


def _is_offered(kind: str) -> bool:
    try:
        return bool(upstream.of_kind(kind))
    except upstream.NoUpstream:
        return False


def _health(row: Provider, trouble: Trouble | None) -> Health:
    if not row.enabled:
        return Health("Off", "")
    if row.kind in _SERVERS and not _is_offered(row.kind):
        return Health("Not here", "wait", "This server offers no such model any more.")
    if trouble is None:
        return Health("In use", "done")
    since = datetime.fromtimestamp(trouble.since, UTC)
    last = LAST.get(trouble.code, _FAILED)
    if trouble.is_passed_over:
        return Health("Passed over", "stop", last, since)
    return Health("Failing", "wait", last, since)
