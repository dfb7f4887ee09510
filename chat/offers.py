"""The workspace's tools as a turn offers them to the model: what its key may have, as its request narrows it."""

from collections.abc import Mapping
from typing import Any

from chat import narrowing
from chat.models import Response, Tool, ToolVersion
from chat.params import function_names
from chat.tools import definition, outcome
from chat.turn import Offer
from deny_web.prepared import Prepared
from tenants.models import ApiKey, Tenant

_TOOLS = Prepared(
    lambda tenant: (
        Tool.objects.filter(tenant=tenant, enabled=True, current__isnull=False)
        .order_by("name")
        .values_list("name", "current_id")
    )
)
_OFFERS_KEPT = 4096
_known: dict[int, Offer] = {}  # by version, which never changes


def names(tenant: Tenant) -> list[str]:
    """The names of the workspace's tools, those that are switched off included."""
    return list(Tool.objects.for_tenant(tenant).order_by("name").values_list("name", flat=True))


def asked(tenant: Tenant, key: ApiKey | None, request: Mapping[str, Any]) -> dict[str, Offer]:
    """What a new request is offered. Raises ApiError 400 where it names a tool that its key does not have."""
    available = _available(tenant, key)
    wanted = narrowing.read(request)
    wanted.check(available)
    offered = _without_hidden(wanted.of(available), request)
    wanted.check_choice(offered)
    return offered


def still(row: Response) -> dict[str, Offer]:
    """What a stored request is offered now: a tool that went away since, or that its key lost, is just not there."""
    available = _available(row.tenant, row.api_key)
    return _without_hidden(narrowing.read(row.request).of(available), row.request)


def _without_hidden(offered: dict[str, Offer], request: Mapping[str, Any]) -> dict[str, Offer]:
    """A function of the client's hides a tool of the same name: its loop would otherwise wait for a call in vain."""
    hidden = function_names(request.get("tools") or [])
    return {name: offer for name, offer in offered.items() if name not in hidden}


def _available(tenant: Tenant, key: ApiKey | None) -> dict[str, Offer]:
    allowed = None if key is None else key.tools
    found = {name: version for name, version in _TOOLS.rows(tenant.pk) if allowed is None or name in allowed}
    unknown = [version for version in found.values() if version not in _known]
    if unknown:
        if len(_known) + len(unknown) > _OFFERS_KEPT:
            _known.clear()
            unknown = list(found.values())
        for version in ToolVersion.objects.for_tenant(tenant).filter(pk__in=unknown):
            tool = definition.from_stored(version.definition)
            _known[version.pk] = Offer(version.pk, tool.function_schema(), tool.approval, outcome.request(tool))
    return {name: _known[version] for name, version in found.items()}
