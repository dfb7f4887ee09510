"""The audit trail: append-only, numbered without gaps within a tenant, each row's HMAC over the one before it.

    hash = HMAC-SHA256(K, canonical JSON of [tenant, n, at, actor, verb, subject, detail, prev_hash])
    K    = HKDF-SHA256(server key, info="deny-web/v1/audit")                       `vault.audit_keys`

Whoever can write to the database but has no server key can neither change, insert, remove nor reorder a row unseen.
What the chain cannot show is its end cut off with its counter, a database put back whole to an earlier day, and a
chain computed anew under a stolen key. An anchor shows them: a head that was noted elsewhere (`tenants.audit_heads`).
"""

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from deny_web.prepared import Insert, Query, Update
from tenants.access import Principal
from tenants.audit_heads import START, Anchor
from tenants.models import AuditRow, Tenant

_NEW_ROW = Insert(AuditRow)
_COUNT = Update(Tenant, (), where=("id",), counted=("audit_head",))
_LAST = AuditRow.objects.filter(tenant=OuterRef("pk"), n=OuterRef("audit_head") - 1).values("hash")
_HEAD = Query(lambda tenant: Tenant.objects.filter(pk=tenant).values_list("audit_head", Subquery(_LAST)), UUID)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: how many rows hold, the last good hash, and the first fault as a sentence."""

    rows: int
    head: str
    fault: str | None


def record(
    tenant: Tenant, verb: str, *, actor: Principal | str, subject: str = "", detail: dict[str, object] | None = None
) -> AuditRow:
    """Append one act, in the caller's transaction: no audit row, no act.

    `detail` is small JSON without secrets. Any failure here also dooms the caller's transaction.
    """
    with transaction.atomic(savepoint=False):
        n, prev_hash = _next(tenant)
        row = AuditRow(
            tenant=tenant,
            n=n,
            at=timezone.now(),
            actor=_text(actor.actor if isinstance(actor, Principal) else actor, 300),
            verb=_text(verb, 60),
            subject=_text(subject, 600),
            detail=_plain(detail or {}),
            prev_hash=prev_hash,
            key_id=_keyring().current().id,
        )
        row.hash = _hash(row)
        _NEW_ROW.one(row)
    return row


def verify(tenant: Tenant, anchors: Iterable[Anchor] = ()) -> Verdict:
    """Walk the chain from the first row, against heads that were noted elsewhere too; stops at the first fault."""
    anchored = defaultdict(set)
    for anchor in anchors:
        anchored[anchor.n].add(anchor.hash)
    head, prev_hash, n = Tenant.objects.values_list("audit_head", flat=True).get(pk=tenant.pk), START, 0
    for row in AuditRow.objects.for_tenant(tenant).filter(n__lte=head).order_by("n").iterator(chunk_size=500):
        fault = _fault(row, n + 1, prev_hash)
        if not fault and anchored.get(row.n, {row.hash}) != {row.hash}:
            fault = f"Row {row.n} is not the one that was anchored: the trail was written anew since."
        if fault:
            return Verdict(n, prev_hash, fault)
        n, prev_hash = row.n, row.hash
    if n != head:
        return Verdict(n, prev_hash, f"Rows {n + 1} to {head} are missing at the end.")
    if (furthest := max(anchored, default=0)) > n:
        return Verdict(n, prev_hash, f"Row {furthest} was anchored, and the trail ends at row {n}.")
    return Verdict(n, prev_hash, None)


def time_of(row: AuditRow) -> str:
    """The row's time as it goes into its hash: ISO 8601, in UTC."""
    at: datetime = row.at.astimezone(UTC)
    return at.isoformat()


def _next(tenant: Tenant) -> tuple[int, str]:
    # The update locks the tenant's row until the transaction ends, so that two acts at once queue up here instead of
    # both reading the same last row.
    _COUNT.run({}, [tenant.pk])
    [(n, prev_hash)] = _HEAD.rows(tenant.pk)
    # A gap would be silent if the chain simply began anew behind it: the marker keeps it visible to `verify`.
    return n, prev_hash or (START if n == 1 else "missing")


def _fault(row: AuditRow, n: int, prev_hash: str) -> str | None:
    if row.n != n:
        return f"Row {n} is missing."
    if row.prev_hash != prev_hash:
        return f"Row {n} does not follow the row before it."
    try:
        good = hmac.compare_digest(row.hash, _hash(row))
    except LookupError:
        return f"Row {n} was written under a server key that is not here."
    return None if good else f"Row {n} was changed."


def _hash(row: AuditRow) -> str:
    fields = [row.tenant_id.hex, row.n, time_of(row), row.actor, row.verb, row.subject, row.detail, row.prev_hash]
    message = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(_key(row.key_id), message, hashlib.sha256).hexdigest()


@lru_cache(maxsize=16)
def _key(key_id: int) -> bytes:
    key: bytes = _keyring().audit_key(key_id)
    return key


def _keyring() -> Any:
    """The keys of the chain; the settings name the module, since this app may not import the one that owns them."""
    return import_module(settings.AUDIT_KEYRING)


def _plain(detail: dict[str, object]) -> dict[str, object]:
    """The detail as it will come back from the database, or the hash would not match."""
    plain: dict[str, object] = json.loads(_text(json.dumps(detail, ensure_ascii=False)).replace("\\u0000", "\\ufffd"))
    return plain


def _text(value: str, longest: int | None = None) -> str:
    """The value as every database keeps it: no NUL, no lone surrogate, no overflow."""
    text = value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return text if longest is None or len(text) <= longest else text[: longest - 1] + "…"
