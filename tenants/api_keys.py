"""API keys: `dw_PREFIX_SECRET`. The prefix finds the row, the hash of the whole proves it.

The secret has 256 random bits, so one SHA-256 is enough: there is nothing to guess that a slow hash would protect.
"""

import hashlib
import hmac
import re
import secrets
from datetime import timedelta
from typing import NamedTuple

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from tenants.models import ApiKey, Membership, Role

_SHAPE = re.compile(r"dw_([0-9a-z]{12})_([0-9A-Za-z_-]{43})")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_TOUCH_EVERY = timedelta(minutes=1)


def mint() -> tuple[str, str, str]:
    """A new key: (the key to show once, its public prefix, the hash to store)."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    key = f"dw_{prefix}_{secrets.token_urlsafe(32)}"
    return key, prefix, digest(key)


def digest(secret: str) -> str:
    """SHA-256 in hex: for secrets with full entropy only."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Found(NamedTuple):
    """A living key, and the role that its maker has now."""

    key: ApiKey
    creator_role: Role


def _alive() -> QuerySet[ApiKey]:
    """Keys that are neither revoked nor expired and whose maker is still an active member; with `creator_role`."""
    membership = Membership.objects.filter(tenant=OuterRef("tenant"), user=OuterRef("created_by"))
    return (
        ApiKey.objects.select_related("tenant", "created_by")
        .annotate(creator_role=Subquery(membership.values("role")[:1]))
        .filter(revoked_at=None, creator_role__isnull=False, created_by__is_active=True)
        .filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    )


def find(header_value: str | bytes | None) -> Found | None:
    """The living key in an Authorization header, or None."""
    text = header_value.decode("latin-1") if isinstance(header_value, bytes) else header_value or ""
    scheme, _, secret = text.partition(" ")
    shape = _SHAPE.fullmatch(secret.strip())
    if scheme.lower() != "bearer" or shape is None:
        return None
    key = _alive().filter(prefix=shape[1]).first()
    # Constant time: the prefix is public, and a comparison that stops early would tell the hash byte by byte.
    if key is None or not hmac.compare_digest(key.key_hash, digest(shape[0])):
        return None
    _touch(key)
    return Found(key, Role(key.creator_role))  # type: ignore[attr-defined] # annotated by `_alive`


def _touch(key: ApiKey) -> None:
    """Note the use, at most once a minute: a write for each request would serialise the database."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at >= _TOUCH_EVERY:
        ApiKey.objects.filter(pk=key.pk).filter(
            Q(last_used_at=None) | Q(last_used_at=F("last_used_at"), last_used_at__lt=now - _TOUCH_EVERY)
        ).update(last_used_at=now)
