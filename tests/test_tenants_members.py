"""Members: invitations by link, roles, leaving; a workspace always keeps an owner."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants import actions, invitations, signals
from tenants.actions import Refused
from tenants.models import Invitation, Membership, Role, User
from tests.cast import Cast, make_person

pytestmark = pytest.mark.django_db


def member(user: User) -> Membership:
    return Membership.objects.get(user=user, tenant__slug="acme")


def verbs(cast: Cast) -> list[str]:
    return list(cast.acme.audit_rows.order_by("n").values_list("verb", flat=True))


def invite(cast: Cast, email: str = "", role: Role = Role.MEMBER) -> str:
    return actions.invite_member(cast.acme, email, role, acting=cast.owner)[1]


def test_invited_person_joins_through_the_pages(cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    page = client.post(reverse("members", args=["acme"]), {"email": "", "role": "member"})
    path = page.context["link"].removeprefix("http://testserver")
    assert page.context["link"] in page.content.decode()
    client.logout()
    assert b"Make an account" in client.get(path).content
    assert client.post(path).status_code == 200
    client.force_login(cast.charlie)
    assert client.post(path)["Location"] == "/t/acme/chat/"
    assert member(cast.charlie).role == Role.MEMBER
    assert verbs(cast)[-2:] == ["member.invite", "member.join"]


def test_link_is_shown_once_and_stored_hashed(cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    page = client.post(reverse("members", args=["acme"]), {"email": "", "role": "member"})
    token = page.context["link"].rstrip("/").rsplit("/", 1)[1]
    assert token not in client.get(reverse("members", args=["acme"])).content.decode()
    assert token not in str(Invitation.objects.values().get())
    assert token not in str(list(cast.acme.audit_rows.values()))


def test_invitation_works_once(cast: Cast) -> None:
    token = invite(cast)
    actions.accept_invitation(token, acting=cast.charlie)
    with pytest.raises(Refused):
        actions.accept_invitation(token, acting=make_person("frank"))


def test_invitation_ends_after_seven_days(cast: Cast, client: Client) -> None:
    token = invite(cast)
    row = Invitation.objects.get()
    assert timedelta(days=6, hours=23) < row.expires_at - timezone.now() <= timedelta(days=7)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Refused):
        actions.accept_invitation(token, acting=cast.charlie)
    assert client.get(reverse("invitation", args=[token])).status_code == 410


def test_withdrawn_invitation_opens_nothing(cast: Cast, client: Client) -> None:
    token = invite(cast)
    client.force_login(cast.erin)
    client.post(reverse("invitation_withdraw", args=["acme", Invitation.objects.get().pk]))
    with pytest.raises(Refused):
        invitations.find(token)


def test_invitation_for_another_address_is_refused_and_stays_open(cast: Cast) -> None:
    token = invite(cast, "Frank@Example.com")
    with pytest.raises(Refused, match=r"frank@example\.com"):
        actions.accept_invitation(token, acting=cast.charlie)
    assert actions.accept_invitation(token, acting=make_person("frank")).role == Role.MEMBER


def test_member_does_not_use_up_an_invitation(cast: Cast) -> None:
    token = invite(cast, role=Role.ADMIN)
    with pytest.raises(Refused, match="already"):
        actions.accept_invitation(token, acting=cast.bob)
    assert member(cast.bob).role == Role.MEMBER
    assert actions.accept_invitation(token, acting=cast.charlie).role == Role.ADMIN


def test_invitation_dies_with_its_makers_rights(cast: Cast) -> None:
    _, token = actions.invite_member(cast.acme, "", Role.ADMIN, acting=cast.principal(cast.erin))
    actions.change_role(member(cast.erin), Role.MEMBER, acting=cast.owner)
    with pytest.raises(Refused):
        actions.accept_invitation(token, acting=cast.charlie)


def test_made_up_link_opens_nothing(client: Client) -> None:
    assert client.get(reverse("invitation", args=["x" * 43])).status_code == 410


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_admins_invite(role: Role, cast: Cast) -> None:
    with pytest.raises(PermissionDenied):
        actions.invite_member(cast.acme, "", Role.VIEWER, acting=cast.principal(cast.bob, role))


def test_admin_makes_no_owner_and_touches_none(cast: Cast) -> None:
    erin = cast.principal(cast.erin)
    with pytest.raises(Refused):
        actions.invite_member(cast.acme, "", Role.OWNER, acting=erin)
    with pytest.raises(Refused):
        actions.change_role(member(cast.bob), Role.OWNER, acting=erin)
    with pytest.raises(Refused):
        actions.change_role(member(cast.alice), Role.MEMBER, acting=erin)
    with pytest.raises(Refused):
        actions.remove_member(member(cast.alice), acting=erin)
    assert member(cast.alice).role == Role.OWNER


def test_last_owner_stays(cast: Cast) -> None:
    with pytest.raises(Refused, match="owner"):
        actions.change_role(member(cast.alice), Role.ADMIN, acting=cast.owner)
    with pytest.raises(Refused, match="owner"):
        actions.remove_member(member(cast.alice), acting=cast.owner)
    actions.change_role(member(cast.erin), Role.OWNER, acting=cast.owner)
    actions.remove_member(member(cast.alice), acting=cast.owner)
    assert not Membership.objects.filter(user=cast.alice).exists()


def test_own_role_cannot_be_raised(cast: Cast) -> None:
    with pytest.raises(Refused):
        actions.change_role(member(cast.bob), Role.ADMIN, acting=cast.principal(cast.bob))


def test_member_may_leave(cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    url = reverse("member_remove", args=["acme", member(cast.bob).pk])
    assert b"Leave" in client.get(url).content
    assert client.post(url)["Location"] == "/start/"
    assert not Membership.objects.filter(user=cast.bob).exists()


def test_role_changes_through_the_page(cast: Cast, client: Client) -> None:
    client.force_login(cast.erin)
    url = reverse("member_role", args=["acme", member(cast.bob).pk])
    client.post(url, {"role": "viewer"})
    assert member(cast.bob).role == Role.VIEWER
    client.post(url, {"role": "owner"})
    assert member(cast.bob).role == Role.VIEWER
    assert verbs(cast)[-1] == "member.role"


def test_removal_and_role_change_are_announced_after_commit(cast: Cast, django_capture_on_commit_callbacks) -> None:
    heard = []

    def hear(**news: object) -> None:
        heard.append((news["tenant_id"], news["user_id"]))

    signals.access_changed.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            actions.change_role(member(cast.bob), Role.VIEWER, acting=cast.owner)
            actions.remove_member(member(cast.bob), acting=cast.owner)
            assert heard == []
    finally:
        signals.access_changed.disconnect(hear)
    assert heard == [(cast.acme.pk, cast.bob.pk)] * 2


def test_member_of_another_workspace_is_out_of_reach(cast: Cast) -> None:
    theirs = Membership.objects.get(user=cast.charlie)
    with pytest.raises(Refused):
        actions.remove_member(theirs, acting=cast.owner)
    with pytest.raises(Refused):
        actions.change_role(theirs, Role.VIEWER, acting=cast.owner)
