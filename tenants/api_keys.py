"""API keys: `dw_PREFIX_SECRET`. The prefix finds the row, the hash of the whole proves it.

The secret has 256 random bits, so one SHA-256 is enough: there is nothing to guess that a slow hash would protect.
"""

import hashlib
import hmac
import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import F, Q
from django.utils import timezone

from deny_web import recent
from tenants.models import ApiKey, Role, Tenant, User

_SHAPE = re.compile(r"dw_([0-9a-z]{12})_([0-9A-Za-z_-]{43})")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_TOUCH_EVERY = timedelta(minutes=1)


class Found(NamedTuple):
    """A living key with its `tenant` and `created_by`, and the role that its maker has now."""

    key: ApiKey
    creator_role: Role


def mint() -> tuple[str, str, str]:
    """A new key: (the key to show once, its public prefix, the hash to store)."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    key = f"dw_{prefix}_{secrets.token_urlsafe(32)}"
    return key, prefix, digest(key)


def digest(secret: str) -> str:
    """SHA-256 in hex: for secrets with full entropy only."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find(header_value: str | bytes | None) -> Found | None:
    """The living key in an Authorization header (not revoked, not expired, its maker an active member), or None."""
    text = header_value.decode("latin-1") if isinstance(header_value, bytes) else header_value or ""
    scheme, _, secret = text.partition(" ")
    shape = _SHAPE.fullmatch(secret.strip(" "))
    if scheme.lower() != "bearer" or shape is None:
        return None
    prefix = shape[1]
    found = recent.get(("key", prefix), lambda: _look_up(prefix))
    # Constant time: the prefix is public, and a comparison that stops early would tell the hash byte by byte.
    if found is None or not hmac.compare_digest(found.key.key_hash, digest(shape[0])):
        return None
    now = timezone.now()
    if found.key.expires_at is not None and found.key.expires_at <= now:
        return None
    _touch(found.key, now)
    return found


def _touch(key: ApiKey, now: datetime) -> None:
    """Note the use, at most once a minute: a write for each request would serialise the database."""
    if key.last_used_at is None or now - key.last_used_at >= _TOUCH_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _TOUCH_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


# --- the one query of every API request --------------------------------------------------------------------------
# The ORM takes 0.95 ms of CPU to build this query and its models each time, more than all else that a key costs. So it
# is built once for a process, and its row becomes models by hand; their other fields load when somebody asks.
# `from_db` takes values in the order of the model's fields.
_LIMITS = ("requests_per_minute", "tokens_per_minute")
_KEY = (
    *("id", "tenant_id", "name", "prefix", "key_hash", "role", "tools", *_LIMITS),
    *("created_by_id", "expires_at", "last_used_at"),
)
_ACCOUNTS = (*_LIMITS, "has_budgets", "prices_version", "answer_tokens")  # see `chat.accounts`
_CAPS = ("max_steps", "max_seconds", "max_background_seconds", "max_tokens")
_TENANT = ("id", "slug", "name", "demo", *_CAPS, *_ACCOUNTS, "armed_tripwires")
_USER = ("id", "is_active", "email")
_PREFIX = "the key's prefix"


def _look_up(prefix: str) -> Found | None:
    sql, params = _query(connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(sql, [prefix if value == _PREFIX else value for value in params])
        row = cursor.fetchone()
    if row is None:
        return None
    key = ApiKey.from_db(connection.alias, _KEY, [_plain(name, value) for name, value in zip(_KEY, row, strict=False)])
    rest = row[len(_KEY) :]
    tenant = [_plain(name, value) for name, value in zip(_TENANT, rest, strict=False)]
    key.tenant = Tenant.from_db(connection.alias, _TENANT, tenant)
    key.created_by = User.from_db(connection.alias, _USER, rest[len(_TENANT) : -1])
    return Found(key, Role(row[-1]))


@cache
def _query(vendor: str) -> tuple[str, tuple[Any, ...]]:
    rows = ApiKey.objects.filter(
        prefix=_PREFIX, revoked_at=None, created_by__is_active=True, created_by__memberships__tenant=F("tenant")
    )
    columns = [*_KEY, *(f"tenant__{name}" for name in _TENANT), *(f"created_by__{name}" for name in _USER)]
    sql, params = rows.values_list(*columns, "created_by__memberships__role").query.sql_with_params()
    return sql, tuple(params)


def _plain(name: str, value: Any) -> Any:
    """A value as the model wants it: JSON comes as text; from SQLite also UUIDs, and times without their zone, UTC."""
    if name == "tools" and value is not None:
        return json.loads(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return UUID(value) if name in {"id", "tenant_id"} and isinstance(value, str) else value
