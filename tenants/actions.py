"""What changes in a workspace and who may change it: each act writes its audit row in the same transaction.

Each act checks its own rule again, whatever the page that calls it checked before. Rules beyond `access`: nobody gives
a role above their own, nobody touches a member above themselves, and a workspace never loses its last owner.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from tenants import api_keys, audit, slugs
from tenants.access import Act, Principal
from tenants.invitations import accept_invitation, invite_member, withdraw
from tenants.models import ApiKey, Membership, Role, Tenant, User
from tenants.rules import Refused, announce, clean, need, need_rank

__all__ = (
    "CAPS", "Refused", "accept_invitation", "change_key_tools", "change_role", "change_tenant", "create_api_key",
    "create_tenant", "invite_member", "on_tenant_created", "remove_member", "revoke_api_key", "withdraw",
)  # fmt: skip

CAPS = ("max_steps", "max_seconds", "max_background_seconds", "max_tokens")


_on_tenant_created: list[Callable[[Tenant, Principal], None]] = []


def on_tenant_created(hook: Callable[[Tenant, Principal], None]) -> None:
    """Run `hook` in the transaction that makes a workspace; called from an app's `AppConfig.ready`."""
    if hook not in _on_tenant_created:
        _on_tenant_created.append(hook)


def create_tenant(name: str, *, acting: User, slug: str | None = None, demo: bool = False) -> Principal:
    """A new workspace, owned by `acting`.

    Raises:
        Refused: the slug is taken or not a slug, or the name is empty.
    """
    name = name.strip()
    if not name:
        raise Refused("Give the workspace a name.")
    slug = slug or slugs.free(name)
    with transaction.atomic():
        if Tenant.objects.filter(slug=slug).exists():
            raise Refused(f"The workspace {slug!r} exists already.")
        tenant = Tenant(name=name, slug=slug, demo=demo)
        clean(tenant)
        tenant.save(force_insert=True)
        Membership.objects.create(tenant=tenant, user=acting, role=Role.OWNER)
        principal = Principal(tenant, Role.OWNER, acting)
        audit.record(tenant, "tenant.create", actor=principal, subject=slug)
        for hook in _on_tenant_created:
            hook(tenant, principal)
    return principal


def change_tenant(*, acting: Principal, name: str | None = None, **caps: int) -> Tenant:
    """Rename the workspace, or change the caps of a turn, those of `CAPS`."""
    need(acting, Act.TENANT_WRITE)
    unknown = set(caps) - set(CAPS)
    if unknown:
        raise TypeError(f"not a cap: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update(no_key=True).get(pk=acting.tenant.pk)
        wanted: dict[str, object] = {**caps, **({"name": name.strip()} if name is not None else {})}
        changed = {field: value for field, value in wanted.items() if getattr(tenant, field) != value}
        if changed:
            for field, value in changed.items():
                setattr(tenant, field, value)
            clean(tenant)
            tenant.save(update_fields=list(changed))
            audit.record(tenant, "tenant.change", actor=acting, detail=changed)
    return tenant


def change_role(member: Membership, role: Role, *, acting: Principal) -> Membership:
    """Give a member another role; felt by their open sockets and keys at once."""
    with transaction.atomic():
        member = _lock_member(member, acting)
        need_rank(acting, role)
        if member.role == role:
            return member
        _keep_an_owner(member)
        before, member.role = member.role, role
        member.save(update_fields=["role"])
        audit.record(
            acting.tenant, "member.role", actor=acting, subject=member.user.email, detail={"from": before, "to": role}
        )
        announce(member.tenant_id, member.user_id)
    return member


def remove_member(member: Membership, *, acting: Principal) -> None:
    """Take a member out; their keys die with the membership, and their sockets close. Everyone may leave."""
    with transaction.atomic():
        member = _lock_member(member, acting)
        _keep_an_owner(member)
        email, tenant_id, user_id = member.user.email, member.tenant_id, member.user_id
        member.delete()
        # Keys would come back to life if the person were invited again later.
        keys = ApiKey.objects.for_tenant(tenant_id).filter(created_by=user_id, revoked_at=None)
        keys.update(revoked_at=timezone.now())
        audit.record(acting.tenant, "member.remove", actor=acting, subject=email)
        announce(tenant_id, user_id)


def create_api_key(
    name: str,
    *,
    acting: Principal,
    role: Role = Role.MEMBER,
    expires_at: datetime | None = None,
    tools: Iterable[str] | None = None,
) -> tuple[ApiKey, str]:
    """A new key of the acting person's: (its row, the key itself, which is shown once and kept nowhere).

    `tools` are the names of those that it is offered, None for all.
    """
    need(acting, Act.KEYS_WRITE)
    need_rank(acting, role)
    if acting.user is None:
        raise Refused("A key belongs to a member.")
    name = name.strip()
    if not name:
        raise Refused("Give the key a name that says where it is used.")
    if expires_at is not None and expires_at <= timezone.now():
        raise Refused("The key's last day has passed already.")
    secret, prefix, key_hash = api_keys.mint()
    row = ApiKey(
        tenant=acting.tenant, name=name, prefix=prefix, key_hash=key_hash, role=role, created_by=acting.user,
        expires_at=expires_at, tools=_tool_names(tools),
    )  # fmt: skip
    clean(row)
    detail: dict[str, object] = {"name": name, "role": role, **({"tools": row.tools} if row.tools is not None else {})}
    with transaction.atomic():
        row.save(force_insert=True)
        audit.record(acting.tenant, "key.create", actor=acting, subject=prefix, detail=detail)
    return row, secret


def change_key_tools(key: ApiKey, tools: Iterable[str] | None, *, acting: Principal) -> ApiKey:
    """Say which tools a key is offered from its next request on: their names, or None for all.

    Raises:
        Refused: the key is revoked, or has rights above those of the acting person.
    """
    need(acting, Act.KEYS_WRITE)
    with transaction.atomic():
        key = ApiKey.objects.for_tenant(acting.tenant).select_for_update().get(pk=key.pk)
        need_rank(acting, key.role)
        if key.revoked_at is not None:
            raise Refused("This key is revoked.")
        wanted = _tool_names(tools)
        if key.tools != wanted:
            key.tools = wanted
            key.save(update_fields=["tools"])
            detail: dict[str, object] = {"tools": "all" if wanted is None else wanted}
            audit.record(acting.tenant, "key.tools", actor=acting, subject=key.prefix, detail=detail)
    return key


def _tool_names(tools: Iterable[str] | None) -> list[str] | None:
    return None if tools is None else sorted(set(tools))


def revoke_api_key(key: ApiKey, *, acting: Principal) -> None:
    """End a key, at once; whoever may make keys may end any, for a leaked key should not wait for an owner."""
    need(acting, Act.KEYS_WRITE)
    with transaction.atomic():
        key = ApiKey.objects.for_tenant(acting.tenant).select_for_update().get(pk=key.pk)
        if key.revoked_at is None:
            key.revoked_at = timezone.now()
            key.save(update_fields=["revoked_at"])
            audit.record(acting.tenant, "key.revoke", actor=acting, subject=key.prefix)
            announce(key.tenant_id, key.created_by_id)


def _lock_member(member: Membership, acting: Principal) -> Membership:
    """The member's row, locked together with the workspace, so that two owners who leave at once queue up."""
    Tenant.objects.select_for_update(no_key=True).get(pk=acting.tenant.pk)
    rows = Membership.objects.for_tenant(acting.tenant).select_related("user")
    fresh = rows.filter(pk=member.pk).first()
    if fresh is None:
        raise Refused("This person is not a member any more.")
    if acting.user is None or fresh.user_id != acting.user.pk:
        need(acting, Act.MEMBERS_WRITE)
    need_rank(acting, Role(fresh.role))
    return fresh


def _keep_an_owner(member: Membership) -> None:
    owners = Membership.objects.for_tenant(member.tenant_id).filter(role=Role.OWNER, user__is_active=True)
    if member.role == Role.OWNER and not owners.exclude(pk=member.pk).exists():
        raise Refused("A workspace needs an owner. Make somebody else an owner first.")
