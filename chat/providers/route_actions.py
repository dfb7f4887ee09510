"""Setting a tenant's routes: which upstreams answer which models, in which order."""

from collections.abc import Sequence

from django.db import transaction

from chat.models import Provider, Route, RouteStep
from chat.providers.actions import change
from chat.providers.routes import MAX_NAME
from tenants import audit
from tenants.access import Act, Principal
from tenants.models import Tenant
from tenants.rules import Refused, need

MAX_ROUTES = 100
Routes = Sequence[tuple[str, Sequence[str]]]
"""Patterns with the names of their upstreams, in order."""


def set_routes(routes: Routes, *, acting: Principal) -> None:
    """Replace all routes. Raises Refused, PermissionDenied."""
    need(acting, Act.MODELS_WRITE)
    tenant = acting.tenant
    with transaction.atomic():
        change(tenant)
        known = {row.name: row for row in Provider.objects.for_tenant(tenant)}
        _check(routes, set(known))
        Route.objects.for_tenant(tenant).exclude(pattern__in=[pattern for pattern, _ in routes]).delete()
        for position, (pattern, names) in enumerate(routes):
            # A route that stays keeps its row, so that a page which was opened before still means it.
            route, _ = Route.objects.update_or_create(tenant=tenant, pattern=pattern, defaults={"position": position})
            route.steps.all().delete()
            RouteStep.objects.bulk_create(
                RouteStep(route=route, provider=known[name], position=place) for place, name in enumerate(names)
            )
        told = "; ".join(f"{pattern} → {', '.join(names)}" for pattern, names in routes)
        audit.record(tenant, "routes.write", actor=acting, subject=told[:500] or "none")


def add_route(pattern: str, names: Sequence[str], *, acting: Principal, extend: bool = False) -> None:
    """Set one route; with `extend`, add upstreams behind those that it has. Raises Refused, PermissionDenied.

    A new one stands last, but before a route for everything, behind which it would never be looked at.
    """
    need(acting, Act.MODELS_WRITE)
    with transaction.atomic():
        change(acting.tenant)
        routes = stored(acting.tenant)
        patterns = [known for known, _ in routes]
        if pattern in patterns:
            place = patterns.index(pattern)
            before = routes[place][1] if extend else []
            routes[place] = (pattern, list(dict.fromkeys([*before, *names])))
        else:
            routes.insert(patterns.index("*") if "*" in patterns else len(routes), (pattern, list(names)))
        set_routes(routes, acting=acting)


def remove_route(pattern: str, *, acting: Principal) -> None:
    """Raises Refused, PermissionDenied."""
    need(acting, Act.MODELS_WRITE)
    with transaction.atomic():
        change(acting.tenant)
        routes = stored(acting.tenant)
        kept = [route for route in routes if route[0] != pattern]
        if len(kept) == len(routes):
            raise Refused("There is no such route.")
        set_routes(kept, acting=acting)


def stored(tenant: Tenant) -> list[tuple[str, list[str]]]:
    """A tenant's routes in their order."""
    rows = Route.objects.for_tenant(tenant).order_by("position", "pk").prefetch_related("steps__provider")
    return [
        (row.pattern, [step.provider.name for step in sorted(row.steps.all(), key=lambda step: step.position)])
        for row in rows
    ]


def _check(routes: Routes, known: set[str]) -> None:
    if len(routes) > MAX_ROUTES:
        raise Refused(f"At most {MAX_ROUTES} routes.")
    patterns = [pattern for pattern, _ in routes]
    for pattern, names in routes:
        if not pattern or len(pattern) > MAX_NAME or not pattern.isprintable() or " " in pattern:
            raise Refused(f"A pattern has 1 to {MAX_NAME} characters and no blank, such as gpt-* or openai/*.")
        if patterns.count(pattern) > 1:
            raise Refused(f"There are two routes for {pattern}. Give one all the upstreams.")
        if not names:
            raise Refused(f"The route for {pattern} leads nowhere. Choose an upstream, or remove the route.")
        if unknown := set(names) - known:
            raise Refused(f"There is no upstream {min(unknown)[:40]!r} in this workspace.")
        if len(set(names)) < len(names):
            raise Refused(f"The route for {pattern} names an upstream twice.")
