"""An upstream that a turn can use: address, key and headers, read once at the turn's start."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson
from django.conf import settings

from chat.models import Provider
from deny_web.prepared import Prepared
from tenants.models import Tenant
from vault import sealed_fields

DEMO_MODEL = "offline-demo"
_KEEPS_REASONING = ("api.openai.com", "ai-gateway.vercel.sh")


class NoUpstream(Exception):
    """The workspace has no model yet."""


@dataclass(frozen=True)
class Upstream:
    """Where a turn's requests go. The key and the headers stay out of its repr."""

    name: str
    base_url: str
    model: str
    key: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    trusted: bool = False  # from the environment or the operator: no address check
    identity: tuple[object, ...] = ()

    @property
    def keeps_reasoning(self) -> bool:
        """Whether it is known to understand ``include: ["reasoning.encrypted_content"]``."""
        return urlsplit(self.base_url).hostname in _KEEPS_REASONING


def for_tenant(tenant: Tenant) -> Upstream:
    """The tenant's upstream, else the server's default, else the offline demo. Raises NoUpstream."""
    rows = _PROVIDER.rows(tenant.pk)
    pk, version, kind = rows[0] if rows else (None, None, Provider.Kind.DEFAULT)
    if kind == Provider.Kind.RESPONSES:
        found = _known.get((tenant.pk, pk, version))
        return found if found is not None else _read(pk)
    return of_kind(kind)


def of_kind(kind: str) -> Upstream:
    """The server's default; the offline demo where there is none, or when it is asked for. Raises NoUpstream."""
    if kind == Provider.Kind.DEFAULT and (settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL):
        return Upstream(
            name="default",
            base_url=settings.OPENAI_BASE_URL or "https://api.openai.com/v1",
            model=settings.OPENAI_MODEL or "gpt-5.5",
            key=settings.OPENAI_API_KEY or "none",
            trusted=True,
            identity=("environment",),
        )
    if settings.DEMO_URL:
        return Upstream(
            name="demo",
            base_url=f"{settings.DEMO_URL}/v1",
            model=DEMO_MODEL,
            key="demo",
            trusted=True,
            identity=("demo",),
        )
    raise NoUpstream


_PROVIDER = Prepared(
    lambda tenant: Provider.objects.filter(tenant=tenant, name="default").values_list("pk", "version", "kind")
)
_KNOWN_KEPT = 256
_known: dict[tuple[object, ...], Upstream] = {}  # by tenant, row and version, so that a change is a miss


def _read(pk: int) -> Upstream:
    upstream = _own(Provider.objects.get(pk=pk))
    if len(_known) >= _KNOWN_KEPT:
        _known.clear()
    _known[upstream.identity] = upstream
    return upstream


def _own(provider: Provider) -> Upstream:
    purpose = "provider"
    key = (
        sealed_fields.open(purpose, provider.tenant_id, bytes(provider.sealed_key)) if provider.sealed_key else b"none"
    )
    headers = (
        orjson.loads(sealed_fields.open(f"{purpose}-headers", provider.tenant_id, bytes(provider.sealed_headers)))
        if provider.sealed_headers
        else {}
    )
    return Upstream(
        name=provider.name,
        base_url=provider.base_url,
        model=provider.model,
        key=key.decode(),
        headers=tuple(sorted(headers.items())),
        trusted=provider.by_operator,
        identity=(provider.tenant_id, provider.pk, provider.version),
    )
