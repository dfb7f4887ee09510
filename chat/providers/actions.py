"""Setting a tenant's upstream."""

from collections.abc import Mapping

import orjson
from django.db import transaction
from django.db.models import F

from chat.models import Provider
from tenants import addresses, audit
from tenants.access import Act, Principal
from tenants.addresses import AddressRefused
from tenants.rules import Refused, need
from vault import sealed_fields

_MAX_HEADERS = 20
_RESERVED = frozenset({"authorization", "host", "content-length", "content-type", "transfer-encoding", "connection"})


def set_provider(
    *,
    acting: Principal,
    kind: str,
    base_url: str = "",
    model: str = "",
    headers: Mapping[str, str] | None = None,
    key: str | None = None,
    keep_key: bool = False,
) -> Provider:
    """Point the workspace at an upstream. `keep_key`: the stored key stays, unless the address changes.

    Raises:
        Refused: an address that may not be called, or a header that is not one.
        PermissionDenied: the acting principal may not.
    """
    need(acting, Act.MODELS_WRITE)
    base_url = base_url.strip().rstrip("/")
    headers = _checked(headers or {})
    tenant = acting.tenant
    with transaction.atomic():
        provider = Provider.objects.for_tenant(tenant).filter(name="default").first()
        provider = provider or Provider(tenant=tenant, name="default")
        # An admin may change the model's name and leave the private address that the operator typed.
        trusted = acting.user is None or (provider.by_operator and provider.base_url == base_url)
        if kind == Provider.Kind.RESPONSES:
            _check_url(base_url, trusted)
        # A kept key goes to the address that it was given for and to no other: whoever may edit the address could
        # otherwise have the key sent to a server of their own.
        kept = keep_key and provider.base_url == base_url and kind == Provider.Kind.RESPONSES
        if not kept:
            provider.sealed_key = sealed_fields.seal("provider", tenant.id, key.encode()) if key else None
        provider.sealed_headers = (
            sealed_fields.seal("provider-headers", tenant.id, orjson.dumps(headers)) if headers else None
        )
        provider.kind, provider.base_url, provider.model = kind, base_url, model.strip()
        provider.by_operator = trusted
        provider.version = F("version") + 1 if provider.pk else 1
        provider.save()
        audit.record(tenant, "provider.write", actor=acting, subject=base_url or kind)
    provider.refresh_from_db()
    return provider


def _check_url(base_url: str, trusted: bool) -> None:
    try:
        # An operator may name a server on this machine or in this network; the spelling is checked all the same.
        addresses.read(base_url) if trusted else addresses.check(base_url)
    except AddressRefused as refused:
        raise Refused(f"This address cannot be used: {refused.sentence}.") from None


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
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
