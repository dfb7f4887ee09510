"""The cast of every test: Alice owns, Erin is admin, Bob is member, Dave is viewer, Charlie is an outsider.

Charlie owns a workspace of his own, so that "nothing of ours" differs from "nothing at all".
"""

from dataclasses import dataclass

from tenants import actions
from tenants.access import Principal
from tenants.models import Membership, Role, Tenant, User


@dataclass(frozen=True, slots=True)
class Cast:
    acme: Tenant
    alice: User
    erin: User
    bob: User
    dave: User
    charlie: User
    elsewhere: Tenant

    def principal(self, user: User, role: Role | None = None) -> Principal:
        """`user` acting in the workspace with the role that they have, or with `role`."""
        if role is None:
            role = Role(Membership.objects.for_tenant(self.acme).get(user=user).role)
        return Principal(self.acme, role, user)

    @property
    def owner(self) -> Principal:
        return self.principal(self.alice, Role.OWNER)


def make_person(name: str, password: str | None = None) -> User:
    """A person who signs in with `password`; without one nobody can (use `client.force_login`), and it is quick."""
    return User.objects.create_user(f"{name}@example.com", password)


def make_cast(password: str | None = None) -> Cast:
    """Everybody, in the workspace `acme`; with `password`, each can sign in with it."""
    alice, erin, bob, dave, charlie = (make_person(n, password) for n in ("alice", "erin", "bob", "dave", "charlie"))
    acme = actions.create_tenant("Acme", slug="acme", acting=alice).tenant
    for user, role in ((erin, Role.ADMIN), (bob, Role.MEMBER), (dave, Role.VIEWER)):
        Membership.objects.create(tenant=acme, user=user, role=role)
    elsewhere = actions.create_tenant("Elsewhere", slug="elsewhere", acting=charlie).tenant
    return Cast(acme, alice, erin, bob, dave, charlie, elsewhere)


def make_key(cast: Cast, role: Role = Role.ADMIN) -> str:
    """An API key of Alice's for `acme`."""
    return actions.create_api_key("tests", role=role, acting=cast.owner)[1]
