"""Invitations: a link that lets its holder join once, within a week."""

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from tenants import access, api_keys, audit
from tenants.access import Act, Principal
from tenants.models import Invitation, Membership, Role, Tenant, User
from tenants.rules import Refused, need, need_rank

LIFE = timedelta(days=7)
_GONE = "This invitation has expired, or was used or withdrawn. Ask for a new link."


def invite_member(tenant: Tenant, email: str, role: Role, *, acting: Principal) -> tuple[Invitation, str]:
    """Invite by link: (the row, the link's token, which is shown once). With an e-mail, only that account fits."""
    need(acting, Act.MEMBERS_WRITE)
    need_rank(acting, role)
    if acting.user is None:
        raise Refused("An invitation comes from a member.")
    email = email.strip().lower()
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        if email and Membership.objects.for_tenant(tenant).filter(user__email=email).exists():
            raise Refused(f"{email} is a member already.")
        row = Invitation.objects.create(
            tenant=tenant,
            role=role,
            email=email,
            token_hash=api_keys.digest(token),
            invited_by=acting.user,
            expires_at=timezone.now() + LIFE,
        )
        audit.record(tenant, "member.invite", actor=acting, subject=_guest(row), detail={"role": role})
    return row, token


def find(token: str) -> Invitation:
    """The open invitation behind a link.

    Raises:
        Refused: there is none, for whatever reason; the sentence is the same for all of them.
    """
    row = open_ones().select_related("tenant", "invited_by").filter(token_hash=api_keys.digest(token)).first()
    if row is None or not _inviter_still_may(row):
        raise Refused(_GONE)
    return row


def open_ones() -> QuerySet[Invitation]:
    """Invitations that still open a door."""
    return Invitation.objects.filter(accepted_at=None, expires_at__gt=timezone.now())


def accept_invitation(token: str, *, acting: User) -> Principal:
    """Join. The link is used up, also when two people follow it at once.

    Raises:
        Refused: the link is not open, or it is for another e-mail address.
    """
    row = find(token)
    if row.email and row.email != acting.email.lower():
        raise Refused(f"This invitation is for {row.email}. Sign in with that address to accept it.")
    with transaction.atomic():
        # Compare-and-set: of two people with one link, one gets in.
        if not open_ones().filter(pk=row.pk).update(accepted_at=timezone.now()):
            raise Refused(_GONE)
        member, new = Membership.objects.get_or_create(tenant=row.tenant, user=acting, defaults={"role": row.role})
        if not new:
            raise Refused("You are a member of this workspace already.")
        principal = Principal(row.tenant, Role(member.role), acting)
        audit.record(row.tenant, "member.join", actor=principal, subject=acting.email, detail={"role": member.role})
    return principal


def withdraw(row: Invitation, *, acting: Principal) -> None:
    """End an open invitation."""
    need(acting, Act.MEMBERS_WRITE)
    with transaction.atomic():
        gone, _ = Invitation.objects.for_tenant(acting.tenant).filter(pk=row.pk, accepted_at=None).delete()
        if gone:
            audit.record(acting.tenant, "member.uninvite", actor=acting, subject=_guest(row))


def _guest(row: Invitation) -> str:
    return row.email or "anyone with the link"


def _inviter_still_may(row: Invitation) -> bool:
    """A link outlives neither its maker's membership nor the role that allowed it."""
    role = Membership.objects.for_tenant(row.tenant_id).filter(user=row.invited_by_id).values_list("role", flat=True)
    maker = role.first()
    return maker is not None and Act.MEMBERS_WRITE in access.MAY[maker] and access.rank(maker) >= access.rank(row.role)
