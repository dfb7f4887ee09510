"""The upstreams that a turn can use: address, key and headers, read once for each version of the settings."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import orjson
from django.conf import settings

from chat.models import Provider, Route, RouteTable
from chat.providers.routes import NotRouted, NoUpstream, Routing
from deny_web.prepared import Prepared
from tenants.models import Tenant
from vault import sealed_fields

__all__ = [
    "DEMO",
    "DEMO_MODEL",
    "NOWHERE",
    "NoUpstream",
    "NotRouted",
    "Timeouts",
    "Upstream",
    "for_tenant",
    "of_kind",
    "routing",
]

DEMO = Provider.Kind.DEMO
DEMO_MODEL = "offline-demo"
_KEEPS_REASONING = ("api.openai.com", "ai-gateway.vercel.sh")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds: for the connection; from the request to the first event; between two reads; for the whole answer."""

    connect: float = 10.0
    first_byte: float = 300.0
    gap: float = 300.0
    whole: float | None = None


@dataclass(frozen=True)
class Upstream:
    """Where a turn's requests go. The key and the headers stay out of its repr.

    `names`: clients' names of models to its own; other names go up as they are, unless `only_mapped`. `origin`: who
    can open what it sealed.
    """

    name: str
    base_url: str
    model: str
    key: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    trusted: bool = False  # from the environment or the operator: no address check
    identity: tuple[object, ...] = ()
    kind: str = Provider.Kind.RESPONSES
    names: Mapping[str, str] = field(default_factory=dict)
    only_mapped: bool = False
    timeouts: Timeouts = Timeouts()
    origin: str = ""

    @property
    def keeps_reasoning(self) -> bool:
        """Whether it is known to understand ``include: ["reasoning.encrypted_content"]``."""
        return urlsplit(self.base_url).hostname in _KEEPS_REASONING

    def named(self, model: str) -> str:
        """Its own name for a model."""
        return self.names.get(model, model)

    def offers(self, model: str) -> bool:
        """Whether a name may go up to it."""
        return not self.only_mapped or model in self.names


# For a turn that goes on after its last upstream was taken away.
NOWHERE = Upstream(name="none", base_url="", model="", key="none")


def for_tenant(tenant: Tenant) -> Upstream:
    """The upstream that answers when a request names no model. Raises NoUpstream."""
    return routing(tenant).plan(None).first


def routing(tenant: Tenant) -> Routing:
    """The tenant's upstreams and routes; the server's default, or the offline demo, where it has set none.

    One query on the path of every request; the rest is kept by what it answers.
    """
    rows = _VERSION.rows(tenant.pk)
    key = (rows[0][0] if rows else 0, *_environment())
    known = _known.get(tenant.pk)
    if known is not None and known[0] == key:
        return known[1]
    made = _read(tenant)
    if len(_known) >= _KNOWN_KEPT:
        _known.clear()
    _known[tenant.pk] = key, made
    return made


def of_kind(kind: str) -> Upstream:
    """The server's default; the offline demo where there is none, or when it is asked for. Raises NoUpstream."""
    if kind == Provider.Kind.DEFAULT and (settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL):
        return Upstream(
            name="default",
            base_url=settings.OPENAI_BASE_URL or "https://api.openai.com/v1",
            model=settings.OPENAI_MODEL or "gpt-5.5",
            key=settings.OPENAI_API_KEY or "none",
            trusted=True,
            identity=(Provider.Kind.DEFAULT.value,),
            kind=Provider.Kind.DEFAULT,
            origin="default",
        )
    if settings.DEMO_URL:
        return Upstream(
            name="demo",
            base_url=f"{settings.DEMO_URL}/v1",
            model=DEMO_MODEL,
            key="demo",
            trusted=True,
            identity=(DEMO.value,),
            kind=Provider.Kind.DEMO,
            origin="demo",
        )
    raise NoUpstream


_VERSION = Prepared(lambda tenant: RouteTable.objects.filter(tenant=tenant).values_list("version"))
_KNOWN_KEPT = 256
_known: dict[uuid.UUID, tuple[tuple[object, ...], Routing]] = {}  # by tenant; a change is a new key


def _environment() -> tuple[object, ...]:
    return settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL, settings.OPENAI_MODEL, settings.DEMO_URL


def _read(tenant: Tenant) -> Routing:
    rows = Provider.objects.for_tenant(tenant).order_by("position", "pk")
    found = {row.pk: made for row in rows if row.enabled and (made := of_row(row)) is not None}
    if not rows:
        return Routing(_default())
    routes = Route.objects.for_tenant(tenant).order_by("position", "pk").prefetch_related("steps")
    return Routing(
        tuple(found.values()),
        tuple(
            (
                route.pattern,
                tuple(
                    found[step.provider_id]
                    for step in sorted(route.steps.all(), key=lambda step: step.position)
                    if step.provider_id in found
                ),
            )
            for route in routes
        ),
    )


def _default() -> tuple[Upstream, ...]:
    try:
        return (of_kind(Provider.Kind.DEFAULT),)
    except NoUpstream:
        return ()


def of_row(row: Provider) -> Upstream | None:
    """What a row describes; None where this server has no such model."""
    try:
        made = of_kind(row.kind) if row.kind in (Provider.Kind.DEFAULT, Provider.Kind.DEMO) else _own(row)
    except NoUpstream:
        return None
    return replace(
        made,
        name=row.name,
        identity=identity(row),
        names=row.names,
        only_mapped=row.only_mapped,
        timeouts=_timeouts(row),
    )


def identity(row: Provider) -> tuple[object, ...]:
    """What connections and health are kept by."""
    if row.kind not in (Provider.Kind.DEFAULT, Provider.Kind.DEMO):
        return row.tenant_id, row.pk, row.version
    # All workspaces share the connections to the server's own upstream, unless one wants other timeouts there.
    timeouts = _timeouts(row)
    return (row.kind,) if timeouts == Timeouts() else (row.kind, timeouts)


def _timeouts(row: Provider) -> Timeouts:
    return Timeouts(row.connect_seconds, row.first_byte_seconds, row.gap_seconds, row.whole_seconds)


def _own(row: Provider) -> Upstream:
    key = sealed_fields.open("provider", row.tenant_id, bytes(row.sealed_key)) if row.sealed_key else b"none"
    headers = (
        orjson.loads(sealed_fields.open("provider-headers", row.tenant_id, bytes(row.sealed_headers)))
        if row.sealed_headers
        else {}
    )
    return Upstream(
        name=row.name,
        base_url=row.base_url,
        model=row.model,
        key=key.decode(),
        headers=tuple(sorted(headers.items())),
        trusted=row.by_operator,
        identity=identity(row),
        kind=row.kind,
        origin=row.origin,
    )
