"""The one door: strangers get 404, members who may not get 403, nobody gets 401."""

import re
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants import access, actions
from tenants.access import Act, Unauthenticated
from tenants.models import ApiKey, Membership, Role, Tenant, User
from tests.cast import Cast, make_key

pytestmark = pytest.mark.django_db
CSRF = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]+"')
# Every page of a workspace in this app, the least act it needs, and whether it takes a form.
PAGES = {
    "workspace": (Act.READ, "GET"),
    "console": (Act.READ, "GET"),
    "members": (Act.READ, "GET"),
    "keys": (Act.KEYS_WRITE, "GET"),
    "settings": (Act.TENANT_WRITE, "GET"),
    "audit": (Act.AUDIT_READ, "GET"),
    "spend": (Act.SPEND_WRITE, "GET"),
    "spend_limits": (Act.SPEND_WRITE, "GET"),
    "prices": (Act.SPEND_WRITE, "GET"),
    "prices_load": (Act.SPEND_WRITE, "GET"),
    "usage": (Act.READ, "GET"),
    "usage_export": (Act.READ, "GET"),
    "start_resume": (Act.TENANT_WRITE, "GET"),
    "start_workspace": (Act.TENANT_WRITE, "GET"),
}
ROW_PAGES = [
    "member_role",
    "member_remove",
    "invitation_withdraw",
    "key_revoke",
    "key_tools",
    "key_limits",
    "budget",
    "budget_remove",
    "price_remove",
]


@pytest.mark.parametrize("page", PAGES)
def test_outsider_gets_what_an_absent_workspace_gets(page: str, cast: Cast, client: Client) -> None:
    client.force_login(cast.charlie)
    for method in (client.get, client.post):
        foreign, absent = (method(reverse(page, args=[slug])) for slug in ("acme", "nowhere"))
        assert foreign.status_code == absent.status_code
        assert foreign.status_code in {404, 405}
        assert CSRF.sub(b"", foreign.content) == CSRF.sub(b"", absent.content)


@pytest.mark.parametrize("page", ROW_PAGES)
def test_outsider_gets_404_on_rows(page: str, cast: Cast, client: Client) -> None:
    client.force_login(cast.charlie)
    pk = Membership.objects.get(user=cast.bob).pk
    assert client.post(reverse(page, args=["acme", pk])).status_code == 404


def test_row_of_another_workspace_is_absent(cast: Cast, client: Client) -> None:
    theirs = Membership.objects.get(user=cast.charlie)
    client.force_login(cast.alice)
    assert client.post(reverse("member_remove", args=["acme", theirs.pk])).status_code == 404
    assert Membership.objects.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize("page", PAGES)
def test_anonymous_is_sent_to_sign_in(page: str, cast: Cast, client: Client) -> None:
    answer = client.get(reverse(page, args=["acme"]))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("page", PAGES)
def test_each_role_sees_the_pages_it_may(page: str, cast: Cast, client: Client) -> None:
    act, _ = PAGES[page]
    for user in (cast.alice, cast.erin, cast.bob, cast.dave):
        client.force_login(user)
        allowed = cast.principal(user).may(act)
        assert client.get(reverse(page, args=["acme"])).status_code in ({200, 302} if allowed else {403})


@pytest.mark.parametrize("who", ["bob", "dave"])
def test_members_and_viewers_change_nothing(who: str, cast: Cast, client: Client) -> None:
    client.force_login(getattr(cast, who))
    key, _ = actions.create_api_key("ci", acting=cast.owner)
    alice = Membership.objects.get(user=cast.alice)
    posts = [
        (reverse("members", args=["acme"]), {"role": "viewer"}),
        (reverse("member_role", args=["acme", alice.pk]), {"role": "viewer"}),
        (reverse("member_remove", args=["acme", alice.pk]), {}),
        (reverse("keys", args=["acme"]), {"name": "mine", "role": "viewer"}),
        (reverse("key_revoke", args=["acme", key.pk]), {}),
        (reverse("settings", args=["acme"]), {"name": "Mine"}),
    ]
    before = cast.acme.audit_rows.count()
    assert [client.post(url, data).status_code for url, data in posts] == [403] * len(posts)
    assert cast.acme.audit_rows.count() == before


def test_what_each_role_may() -> None:
    assert access.MAY[Role.VIEWER] == {Act.READ}
    assert access.MAY[Role.MEMBER] == {Act.READ, Act.CHAT}
    assert access.MAY[Role.ADMIN] == access.MAY[Role.OWNER] == set(Act)


def test_a_switched_off_account_is_a_stranger(cast: Cast) -> None:
    cast.bob.is_active = False
    cast.bob.save(update_fields=["is_active"])
    with pytest.raises(Http404):
        access.for_session(cast.bob, "acme", Act.READ)


def test_key_opens_its_workspace_in_one_query(cast: Cast, django_assert_num_queries) -> None:
    secret = make_key(cast)
    access.for_bearer(f"Bearer {secret}", Act.CHAT)
    with django_assert_num_queries(1):
        principal = access.for_bearer(f"Bearer {secret}", Act.CHAT)
        assert (principal.tenant, principal.user, principal.role) == (cast.acme, cast.alice, Role.ADMIN)


def test_key_comes_with_its_whole_rows(cast: Cast) -> None:
    ends = timezone.now() + timedelta(days=1)
    Tenant.objects.filter(pk=cast.acme.pk).update(
        max_steps=7, max_seconds=70, max_background_seconds=700, max_tokens=7000, demo=True
    )
    row, secret = actions.create_api_key("ci", expires_at=ends, acting=cast.owner)
    principal = access.for_bearer(f"Bearer {secret}", Act.CHAT)
    for found, stored in (
        (principal.api_key, ApiKey.objects.get(pk=row.pk)),
        (principal.tenant, Tenant.objects.get(pk=cast.acme.pk)),
        (principal.user, User.objects.get(pk=cast.alice.pk)),
    ):
        names = [field.attname for field in stored._meta.concrete_fields if field.attname != "last_used_at"]
        assert [getattr(found, name) for name in names] == [getattr(stored, name) for name in names]


def test_key_use_is_noted_once_a_minute(cast: Cast) -> None:
    secret = make_key(cast)
    access.for_bearer(f"Bearer {secret}", Act.CHAT)
    first = ApiKey.objects.get().last_used_at
    access.for_bearer(f"Bearer {secret}", Act.CHAT)
    assert first
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    access.for_bearer(f"Bearer {secret}", Act.CHAT)
    noted = ApiKey.objects.get().last_used_at
    assert noted
    assert noted > first


@pytest.mark.parametrize("spoil", ["none", "scheme", "secret", "prefix", "short", "long", "bytes", "nul"])
def test_anything_but_the_key_is_refused(spoil: str, cast: Cast) -> None:
    secret = make_key(cast)
    other = actions.create_api_key("other", acting=cast.owner)[1]
    header = {
        "none": None,
        "scheme": f"Basic {secret}",
        "secret": f"Bearer {secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}",
        "prefix": f"Bearer {other[:15]}{secret[15:]}",
        "short": f"Bearer {secret[:16]}",
        "long": f"Bearer {secret}x",
        "bytes": b"Bearer \xff\xfe",
        "nul": f"Bearer {secret}\0",
    }[spoil]
    with pytest.raises(Unauthenticated):
        access.for_bearer(header, Act.READ)


def test_revoked_key_is_refused(cast: Cast) -> None:
    key, secret = actions.create_api_key("ci", acting=cast.owner)
    assert access.for_bearer(f"Bearer {secret}", Act.CHAT).api_key == key
    actions.revoke_api_key(key, acting=cast.owner)
    with pytest.raises(Unauthenticated):
        access.for_bearer(f"Bearer {secret}", Act.CHAT)


def test_expired_key_is_refused(cast: Cast) -> None:
    secret = make_key(cast)
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        access.for_bearer(f"Bearer {secret}", Act.READ)


def test_key_never_outranks_its_maker(cast: Cast) -> None:
    _, secret = actions.create_api_key("ci", role=Role.ADMIN, acting=cast.principal(cast.erin))
    assert access.for_bearer(f"Bearer {secret}", Act.KEYS_WRITE).role == Role.ADMIN
    erin = Membership.objects.get(user=cast.erin)
    actions.change_role(erin, Role.VIEWER, acting=cast.owner)
    assert access.for_bearer(f"Bearer {secret}", Act.READ).role == Role.VIEWER
    with pytest.raises(PermissionDenied):
        access.for_bearer(f"Bearer {secret}", Act.CHAT)


def test_key_dies_with_its_makers_membership_and_stays_dead(cast: Cast) -> None:
    _, secret = actions.create_api_key("ci", acting=cast.principal(cast.erin))
    actions.remove_member(Membership.objects.get(user=cast.erin), acting=cast.owner)
    with pytest.raises(Unauthenticated):
        access.for_bearer(f"Bearer {secret}", Act.READ)
    Membership.objects.create(tenant=cast.acme, user=cast.erin, role=Role.ADMIN)
    with pytest.raises(Unauthenticated):
        access.for_bearer(f"Bearer {secret}", Act.READ)


def test_key_is_stored_as_a_hash_only(cast: Cast) -> None:
    secret = make_key(cast)
    row = ApiKey.objects.values().get()
    assert secret.startswith(f"dw_{row['prefix']}_")
    kept = " ".join(str(value) for value in row.values()) + str(list(cast.acme.audit_rows.values()))
    assert row["prefix"] in kept  # the search finds what it should
    assert secret not in kept
    assert secret.split("_", 2)[2][:12] not in kept  # the secret itself may hold a "_"


def test_operator_acts_as_owner(cast: Cast) -> None:
    principal = access.for_slug("acme")
    assert principal.role == Role.OWNER
    assert principal.actor == "operator"
    with pytest.raises(Http404):
        access.for_slug("nowhere")
