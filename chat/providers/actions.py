"""Setting, switching and removing a tenant's upstreams. Each act is one transaction with its audit row."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from django.db import transaction
from django.db.models import F, Max

from chat.models import Provider, RouteTable
from chat.models.provider import new_origin
from chat.providers.routes import MAX_NAME
from chat.providers.upstream import Timeouts
from tenants import addresses, audit
from tenants.access import Act, Principal
from tenants.addresses import AddressRefused
from tenants.models import Tenant
from tenants.rules import Refused, need
from vault import sealed_fields

MAX_PROVIDERS = 20
_MAX_HEADERS = 20
_MAX_MAPPED = 500
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?")
_RESERVED = frozenset({"authorization", "host", "content-length", "content-type", "transfer-encoding", "connection"})
_LONGEST = {"connect": 120.0, "first_byte": 3600.0, "gap": 3600.0, "whole": 7200.0}  # seconds

Kind = Provider.Kind
WITH_ADDRESS = (Kind.RESPONSES, Kind.BEDROCK, Kind.IDENTITY)


@dataclass(frozen=True, slots=True)
class Handling:
    """How requests are sent: clients' names of models to the upstream's, whether it takes others too, its timeouts."""

    names: Mapping[str, str] = field(default_factory=dict)
    only_mapped: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)


def set_provider(
    *,
    acting: Principal,
    kind: str,
    name: str = "default",
    base_url: str = "",
    model: str = "",
    headers: Mapping[str, str] | None = None,
    key: str | None = None,
    keep_key: bool = False,
    handling: Handling | None = None,
) -> Provider:
    """Make or change the upstream `name`. `keep_key`: the stored key stays, unless the address changes.

    Without `handling` what is stored of it stays too.

    Raises:
        Refused: an address that may not be called, a header that is not one, or a setting out of its bounds.
        PermissionDenied: the acting principal may not.
    """
    need(acting, Act.MODELS_WRITE)
    base_url, model = base_url.strip().rstrip("/"), model.strip()
    headers = _checked_headers(headers or {})
    tenant = acting.tenant
    with transaction.atomic():
        change(tenant)
        provider = Provider.objects.for_tenant(tenant).filter(name=name).first() or _new(tenant, name)
        same = provider.pk is not None and provider.base_url == base_url and provider.kind == kind
        # An admin may change the model's name and leave the private address that the operator typed.
        trusted = acting.user is None or (provider.by_operator and provider.base_url == base_url)
        _check_kind(kind, acting, kept=same and keep_key)
        if kind in WITH_ADDRESS:
            _check_url(base_url, trusted)
        # A kept key goes to the address that it was given for and to no other: whoever may edit the address could
        # otherwise have the key sent to a server of their own.
        if not (keep_key and same and kind in WITH_ADDRESS):
            provider.sealed_key = sealed_fields.seal("provider", tenant.id, key.encode()) if key else None
        if not same:
            provider.origin = new_origin()
        provider.sealed_headers = (
            sealed_fields.seal("provider-headers", tenant.id, orjson.dumps(headers)) if headers else None
        )
        provider.kind, provider.base_url, provider.model = kind, base_url, model
        provider.by_operator = trusted
        _handle(provider, handling)
        provider.version = F("version") + 1 if provider.pk else 1
        provider.save()
        audit.record(tenant, "provider.write", actor=acting, subject=f"{name}: {base_url or kind}")
    provider.refresh_from_db()
    return provider


def switch_provider(*, acting: Principal, name: str, enabled: bool) -> Provider:
    """Take an upstream out of use, or into it again. Raises Refused, PermissionDenied."""
    need(acting, Act.MODELS_WRITE)
    with transaction.atomic():
        change(acting.tenant)
        provider = find(acting.tenant, name)
        provider.enabled = enabled
        provider.save(update_fields=["enabled", "changed_at"])
        audit.record(acting.tenant, "provider.on" if enabled else "provider.off", actor=acting, subject=name)
    return provider


def remove_provider(*, acting: Principal, name: str) -> None:
    """Its key goes with it, and so do routes that led to it alone. Raises Refused, PermissionDenied."""
    need(acting, Act.MODELS_WRITE)
    with transaction.atomic():
        change(acting.tenant)
        provider = find(acting.tenant, name)
        provider.delete()
        acting.tenant.model_routes.filter(steps=None).delete()
        audit.record(acting.tenant, "provider.remove", actor=acting, subject=name)


def order_providers(*, acting: Principal, names: list[str]) -> None:
    """Ask them in this order where no route says; the ones not named come behind. Raises Refused, PermissionDenied."""
    need(acting, Act.MODELS_WRITE)
    with transaction.atomic():
        change(acting.tenant)
        known = {row.name: row for row in stored(acting.tenant)}
        if unknown := [name for name in names if name not in known]:
            raise Refused(f"There is no upstream {unknown[0][:40]!r} in this workspace.")
        for position, name in enumerate(dict.fromkeys([*names, *known])):
            Provider.objects.filter(pk=known[name].pk).update(position=position)
        audit.record(acting.tenant, "provider.order", actor=acting, subject=", ".join(names))


def stored(tenant: Tenant) -> list[Provider]:
    """A tenant's upstreams in their order."""
    return list(Provider.objects.for_tenant(tenant).order_by("position", "pk"))


def find(tenant: Tenant, name: str) -> Provider:
    """Raises Refused."""
    found = Provider.objects.for_tenant(tenant).filter(name=name).first()
    if found is None:
        raise Refused(f"There is no upstream {name[:40]!r} in this workspace.")
    return found


def change(tenant: Tenant) -> None:
    """Say, inside the transaction of a change, that caches are out of date. The row makes two changes queue."""
    RouteTable.objects.get_or_create(tenant=tenant)
    RouteTable.objects.for_tenant(tenant).update(version=F("version") + 1)


def _new(tenant: Tenant, name: str) -> Provider:
    if not _NAME.fullmatch(name):
        raise Refused("An upstream's name has a-z, 0-9, dots, hyphens and underscores, at most 40 characters.")
    others = Provider.objects.for_tenant(tenant)
    if others.count() >= MAX_PROVIDERS:
        raise Refused(f"A workspace has at most {MAX_PROVIDERS} upstreams; remove one first.")
    last = others.aggregate(last=Max("position"))["last"]
    return Provider(tenant=tenant, name=name, position=0 if last is None else last + 1)


def _check_kind(kind: str, acting: Principal, *, kept: bool) -> None:
    # It reads a file of this server and sends what is in it: not to be had by whoever may edit a workspace's settings.
    if kind == Kind.IDENTITY and acting.user is not None and not kept:
        raise Refused("An upstream without a key is set up by the operator, on the command line.")


def _check_url(base_url: str, trusted: bool) -> None:
    try:
        # An operator may name a server on this machine or in this network; the spelling is checked all the same.
        addresses.read(base_url) if trusted else addresses.check(base_url)
    except AddressRefused as refused:
        raise Refused(f"This address cannot be used: {refused.sentence}.") from None


def _handle(provider: Provider, handling: Handling | None) -> None:
    if handling is not None:
        provider.names, provider.only_mapped = _checked_names(handling.names), handling.only_mapped
        waits = _checked_timeouts(handling.timeouts)
        provider.connect_seconds, provider.first_byte_seconds = waits.connect, waits.first_byte
        provider.gap_seconds, provider.whole_seconds = waits.gap, waits.whole
    if provider.only_mapped and not provider.names:
        raise Refused("Map at least one model, or let other names through.")
    if provider.only_mapped and provider.model and provider.model not in provider.names:
        raise Refused("The model for requests that name none is not among the mapped ones.")


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    if len(headers) > _MAX_HEADERS:
        raise Refused(f"At most {_MAX_HEADERS} extra headers.")
    for name, value in headers.items():
        if not name or not all(char.isalnum() or char in "-_" for char in name) or not name.isascii():
            raise Refused(f"{name!r} is not a header name.")
        if name.lower() in _RESERVED:
            raise Refused(f"The header {name} is set by the server itself.")
        if not value.isprintable():
            raise Refused(f"The value of the header {name} holds a line break or a control character.")
    return dict(headers)


def _checked_names(names: Mapping[str, str]) -> dict[str, str]:
    if len(names) > _MAX_MAPPED:
        raise Refused(f"At most {_MAX_MAPPED} mapped models.")
    for name in (*names, *names.values()):
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise Refused(f"A model's name has 1 to {MAX_NAME} characters that can be printed.")
    return dict(names)


def _checked_timeouts(timeouts: Timeouts) -> Timeouts:
    for name, longest in _LONGEST.items():
        value = getattr(timeouts, name)
        if value is not None and not 0 < value <= longest:
            words = name.replace("_", " ")
            raise Refused(f"The timeout for {words} is more than 0 and at most {longest:g} seconds.")
    return timeouts
