"""An endpoint's address and secrets, as they are stored: under a server key, which this process has, never in plain.

The settings name the module that seals, since this app may not import the one that owns the server keys.
"""

from importlib import import_module
from typing import Any, Final

from django.conf import settings

from tenants.models import WebhookEndpoint

COLUMNS: Final = ("sealed_url", "sealed_secret", "sealed_old_secret")


class Unreadable(Exception):
    """What is stored does not open: changed, or sealed under a server key that is not here."""


def purpose(column: str, endpoint: WebhookEndpoint) -> str:
    """What a column is bound to, so that what was sealed for one endpoint or column opens in no other."""
    return f"webhook/{column}/{endpoint.pk.hex}"


def seal(endpoint: WebhookEndpoint, column: str, text: str) -> None:
    """Put `text` into a column of the row; the caller saves it."""
    sealed = _fields().seal(purpose(column, endpoint), endpoint.tenant_id, text.encode())
    setattr(endpoint, column, sealed)


def unseal(endpoint: WebhookEndpoint, column: str) -> str:
    """The text of a column.

    Raises:
        Unreadable: it does not open.
    """
    fields = _fields()
    try:
        plain: bytes = fields.open(purpose(column, endpoint), endpoint.tenant_id, getattr(endpoint, column))
    except fields.Damaged:
        raise Unreadable(f"{column} of webhook endpoint {endpoint.pk} does not open") from None
    return plain.decode()


def _fields() -> Any:
    return import_module(settings.FIELD_SEALING)
