"""Items that clients sealed: stored, listed, handed out and deleted as they are. This server never opens one.

    stored = sealed_fields("denysh-item:ID", tenant, salt ‖ iv ‖ data)

Bound to the workspace and the item's id and authenticated, which deny.sh's own format is not: an item that was changed,
cut, or moved here from another row or workspace is refused instead of opening to another value.

Labels may repeat: clients take the newest item of a label, so storing again is how they change a value.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tenants import audit
from tenants.access import Act, Principal
from tenants.models import Tenant
from tenants.rules import need
from vault import compartments, labels, sealed_fields
from vault.denysh import sealing
from vault.denysh.sealing import Sealed
from vault.errors import CredentialNotFound, Full, InvalidLabel, InvalidValue
from vault.models import SealedItem

MOST = 1000  # items of a workspace
LONGEST_CATEGORY = 60
WRITE, READ, DELETE = "denysh.write", "denysh.read", "denysh.delete"


def store(label: str, sealed: Sealed, *, acting: Principal, category: str = "") -> SealedItem:
    """Keep a client's item.

    Raises:
        InvalidLabel, InvalidValue: with the reason. Full: there are too many.
        PermissionDenied: the acting principal may not.
    """
    need(acting, Act.VAULT_WRITE)
    label, tenant, now = labels.clean(label), acting.tenant, timezone.now()
    _check(sealed, category)
    item = SealedItem(
        tenant=tenant, label=label, category=category, size=len(sealed.data), created_at=now, updated_at=now
    )
    item.sealed = sealed_fields.seal(purpose(item), tenant.pk, sealed.pack())
    with transaction.atomic():
        # First, since it locks the workspace: two stores at once would both count one too few.
        audit.record(tenant, WRITE, actor=acting, subject=label)
        if SealedItem.objects.for_tenant(tenant).count() >= MOST:
            raise Full(f"A workspace keeps at most {MOST} items. Delete those that newer ones replaced.")
        item.save(force_insert=True)
    return item


def put(label: str, value: bytes, password: str, *, acting: Principal) -> SealedItem:
    """Seal a value for the client, in this one call, and keep it.

    Raises:
        InvalidPassword: too weak; whoever may fetch the item may guess at it for ever.
        InvalidLabel, InvalidValue, Full, Busy, PermissionDenied.
    """
    need(acting, Act.VAULT_WRITE)
    labels.clean(label)
    if not value or len(value) > sealing.LONGEST:
        raise InvalidValue(f"A value has 1 to {sealing.LONGEST} bytes.")
    try:
        value.decode()
    except UnicodeDecodeError:
        raise InvalidValue("deny.sh's clients take text (UTF-8) only.") from None
    compartments.check_new_password(password, acting.tenant, acting)
    return store(label, sealing.seal(value, password), acting=acting)


def newest(tenant: Tenant, *, limit: int | None = None, after: uuid.UUID | None = None) -> Sequence[SealedItem]:
    """The items without their ciphertext, the newest first; with `after`, those behind that item.

    Raises:
        CredentialNotFound: `after` is no item of this workspace.
    """
    rows = SealedItem.objects.for_tenant(tenant).defer("sealed").order_by("-created_at", "-pk")
    if after is not None:
        last = find(tenant, str(after))
        rows = rows.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk))
    return tuple(rows[:limit])


def count(tenant: Tenant) -> int:
    return SealedItem.objects.for_tenant(tenant).count()


def find(tenant: Tenant, item_id: str) -> SealedItem:
    """The item of this id, as a client wrote it.

    Raises:
        CredentialNotFound: no such item here; a foreign id says the same as one that is no id.
    """
    try:
        pk = uuid.UUID(item_id)
    except ValueError:
        raise CredentialNotFound from None
    # The canonical spelling only: one item, one address.
    item = SealedItem.objects.for_tenant(tenant).filter(pk=pk).first() if str(pk) == item_id else None
    if item is None:
        raise CredentialNotFound
    return item


def fetch(item_id: str, *, acting: Principal) -> tuple[SealedItem, Sealed]:
    """An item with its ciphertext, as the client sealed it; audited.

    Raises:
        CredentialNotFound: no such item here.
        Damaged: changed since it was stored. PermissionDenied.
    """
    need(acting, Act.CHAT)
    with transaction.atomic():
        item = find(acting.tenant, item_id)
        audit.record(acting.tenant, READ, actor=acting, subject=item.label, detail={"item": item_id})
    return item, Sealed.unpack(sealed_fields.open(purpose(item), item.tenant_id, item.sealed))


def delete(item_id: str, *, acting: Principal) -> str:
    """Remove an item; gives its label.

    Raises:
        CredentialNotFound: no such item here. PermissionDenied.
    """
    need(acting, Act.VAULT_WRITE)
    with transaction.atomic():
        item = find(acting.tenant, item_id)
        item.delete()
        audit.record(acting.tenant, DELETE, actor=acting, subject=item.label, detail={"item": item_id})
    return item.label


def restore(
    tenant: Tenant, pk: uuid.UUID, label: str, category: str, packed: bytes, *, made: datetime, changed: datetime
) -> None:
    """An item as a backup has it, sealed for this workspace.

    Raises:
        InvalidValue, IntegrityError: the id is taken.
    """
    sealed = Sealed.unpack(packed)
    _check(sealed, category)
    item = SealedItem(
        pk=pk, tenant=tenant, label=label, category=category, size=len(sealed.data), created_at=made, updated_at=changed
    )
    item.sealed = sealed_fields.seal(purpose(item), tenant.pk, packed)
    item.save(force_insert=True)


def purpose(item: SealedItem) -> str:
    """What the row's ciphertext is bound to."""
    return f"denysh-item:{item.pk}"


def _check(sealed: Sealed, category: str) -> None:
    if len(sealed.salt) != sealing.SALT or len(sealed.iv) != sealing.IV:
        raise InvalidValue(f"salt has {sealing.SALT} bytes and iv {sealing.IV}, both in hex.")
    if not 1 <= len(sealed.data) <= sealing.LONGEST:
        raise InvalidValue(f"encryptedData has 1 to {sealing.LONGEST} bytes, in hex.")
    if category:
        try:
            labels.clean(category)
        except InvalidLabel:
            raise InvalidValue("category is one line of visible characters.") from None
    if len(category) > LONGEST_CATEGORY:
        raise InvalidValue(f"category has at most {LONGEST_CATEGORY} characters.")
