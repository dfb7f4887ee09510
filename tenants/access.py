"""The one door: who is asking, for which workspace, and may they.

A stranger learns nothing: a workspace that they do not belong to answers exactly as one that never existed (404). A
member who may not do a thing is told so (403). Nobody at all is 401, or the sign-in page for browsers.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from tenants import api_keys, sessions, sources
from tenants.models import ApiKey, Membership, Role, Tenant, User


class Act(enum.Enum):
    """What a principal may want to do."""

    READ = "read"
    CHAT = "chat"
    VAULT_WRITE = "vault_write"
    VAULT_UNLOCK = "vault_unlock"
    TOOLS_WRITE = "tools_write"
    MEMBERS_WRITE = "members_write"
    KEYS_WRITE = "keys_write"
    MODELS_WRITE = "models_write"
    WEBHOOKS_WRITE = "webhooks_write"
    SPEND_WRITE = "spend_write"
    AUDIT_READ = "audit_read"
    TENANT_WRITE = "tenant_write"


_VIEWER = frozenset({Act.READ})
_MEMBER = _VIEWER | {Act.CHAT}
_ADMIN = frozenset(Act)
MAY: dict[str, frozenset[Act]] = {
    Role.VIEWER: _VIEWER,
    Role.MEMBER: _MEMBER,
    Role.ADMIN: _ADMIN,
    Role.OWNER: _ADMIN,  # what owners alone may do is about other owners; see `tenants.actions`
}
_RANK: dict[str, int] = {Role.VIEWER: 0, Role.MEMBER: 1, Role.ADMIN: 2, Role.OWNER: 3}


class Unauthenticated(Exception):
    """No valid key or session; says nothing about which part was wrong."""

    def __init__(self) -> None:
        super().__init__("Sign in, or send a valid API key.")


def rank(role: str) -> int:
    """Roles in order: viewer 0, member 1, admin 2, owner 3."""
    return _RANK[role]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: a person, or a person's API key, in one workspace with one role. `user` is None for the operator."""

    tenant: Tenant
    role: Role
    user: User | None = None
    api_key: ApiKey | None = None

    def may(self, act: Act) -> bool:
        return act in MAY[self.role]

    @property
    def actor(self) -> str:
        """The name that the audit trail keeps."""
        if self.user is None:
            return "operator"
        return f"{self.user.email} (key {self.api_key.prefix})" if self.api_key else self.user.email


def _allow(principal: Principal, act: Act) -> Principal:
    if not principal.may(act):
        raise PermissionDenied(f"Your role here ({principal.role.label.lower()}) does not allow this. Ask an admin.")
    return principal


def for_session(user: User | AnonymousUser, slug: str, act: Act) -> Principal:
    """A signed-in person on a page.

    Raises:
        Http404: not a member, or no such workspace.
        PermissionDenied: a member whose role does not allow `act`.
    """
    if not user.is_authenticated:
        raise Http404
    rows = Membership.objects.select_related("tenant").filter(tenant__slug=slug, user_id=user.pk, user__is_active=True)
    membership = rows.first()
    if membership is None:
        raise Http404
    return _allow(Principal(membership.tenant, Role(membership.role), user), act)


_on_unknown_key: list[Callable[[str, str], None]] = []


def on_unknown_key(hook: Callable[[str, str], None]) -> None:
    """Run `hook` with each Authorization header that opens nothing, and where it came from (`tenants.sources`, empty
    where the caller does not know); called from an app's `AppConfig.ready`.

    The answer to the caller does not depend on what it finds.
    """
    if hook not in _on_unknown_key:
        _on_unknown_key.append(hook)


def for_bearer(header_value: str | bytes | None, act: Act, scope: sessions.Scope | None = None) -> Principal:
    """The holder of an API key: `header_value` is the whole Authorization header. One query.

    `scope` is the request's, for whoever looks into keys that open nothing.

    The key acts with the lower of its own role and its maker's present one, and dies with the maker's membership.

    Raises:
        Unauthenticated: no key, or one that is unknown, revoked or expired.
        PermissionDenied: a good key that may not do this.
    """
    found = api_keys.find(header_value)
    if found is None:
        text = header_value.decode("latin-1") if isinstance(header_value, bytes) else header_value
        for hook in _on_unknown_key if text else ():
            hook(text or "", sources.of(scope))
        raise Unauthenticated
    key, creator_role = found
    role = min(Role(key.role), creator_role, key=rank)
    return _allow(Principal(key.tenant, role, key.created_by, key), act)


def person(request: HttpRequest) -> User:
    """The signed-in person behind a page; for views under `login_required`."""
    if not request.user.is_authenticated:
        raise Http404
    return request.user


def for_slug(slug: str) -> Principal:
    """The operator on the command line, who owns the machine.

    Raises:
        Http404: no such workspace.
    """
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise Http404(f"There is no workspace {slug!r}.")
    return Principal(tenant, Role.OWNER)


def for_socket(scope: sessions.Scope, act: Act) -> Principal:
    """A WebSocket's handshake: an API key in its Authorization header, or a session cookie with our own origin.

    Cheap enough to ask again every few seconds, which is how an open socket learns that its person signed out, was
    removed, changed the password, or that its key was revoked.

    Raises:
        Unauthenticated: neither a valid key nor a live session.
        Http404: the session's person is a stranger to the workspace in `?tenant=`, or the key belongs to another.
        PermissionDenied: the role does not allow `act`, or a page of another origin opened the socket.
    """
    slug = sessions.query(scope, "tenant")
    header = sessions.header(scope, b"authorization")
    if header is not None:
        principal = for_bearer(header, act, scope)
        if slug and slug != principal.tenant.slug:
            raise Http404
        return principal
    # Browsers send cookies with a socket from any page, and no CSRF token: the origin is the only sign of who asks.
    if not sessions.same_origin(scope):
        raise PermissionDenied("This page may not open a connection here.")
    user = sessions.user(scope)
    if user is None:
        raise Unauthenticated
    return for_session(user, slug, act)
