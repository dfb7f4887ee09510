"""The console's frame and this app's pages: workspace, keys, navigation, overview."""

import pytest
from django.test import Client
from django.urls import reverse

from tenants import actions, console
from tenants.access import Act
from tenants.actions import Refused
from tenants.models import ApiKey, Membership, Role, Tenant, User
from tests.cast import Cast, make_person

pytestmark = pytest.mark.django_db


def test_key_is_shown_once(cast: Cast, client: Client) -> None:
    client.force_login(cast.erin)
    url = reverse("keys", args=["acme"])
    page = client.post(url, {"name": "ci", "role": "member", "days": "30"})
    secret = page.context["secret"]
    assert secret.startswith("dw_")
    assert secret in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    again = client.get(url).content.decode()
    assert secret not in again
    assert f"dw_{ApiKey.objects.get().prefix}" in again


def test_key_form_offers_no_role_above_ones_own(cast: Cast, client: Client) -> None:
    client.force_login(cast.erin)
    page = client.post(reverse("keys", args=["acme"]), {"name": "ci", "role": "owner"})
    assert page.context["form"].errors["role"]
    assert not ApiKey.objects.exists()


def test_key_is_revoked_through_the_page(cast: Cast, client: Client) -> None:
    key, _ = actions.create_api_key("ci", acting=cast.owner)
    client.force_login(cast.erin)
    url = reverse("key_revoke", args=["acme", key.pk])
    assert client.get(url).status_code == 200
    client.post(url)
    client.post(url)
    key.refresh_from_db()
    assert key.revoked_at
    assert list(cast.acme.audit_rows.values_list("verb", flat=True)).count("key.revoke") == 1


def test_page_below_another_says_where_it_is(cast: Cast, client: Client) -> None:
    key, _ = actions.create_api_key("ci", acting=cast.owner)
    client.force_login(cast.erin)
    keys = reverse("keys", args=["acme"])
    assert 'class="crumbs"' not in client.get(keys).content.decode()
    assert 'class="crumbs"' not in client.get(reverse("prices", args=["acme"])).content.decode()
    below = client.get(reverse("key_revoke", args=["acme", key.pk])).content.decode()
    assert f'<li><a href="{keys}">API keys</a></li><li aria-current="page">Revoke ci</li>' in below


def test_settings_change_name_and_caps(cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    url = reverse("settings", args=["acme"])
    caps = {"max_steps": 5, "max_seconds": 60, "max_background_seconds": 900, "max_tokens": 5000}
    assert client.post(url, {"name": "<i>Acme</i> & Co", **caps}).status_code == 302
    cast.acme.refresh_from_db()
    assert cast.acme.name == "<i>Acme</i> & Co"
    assert {cap: getattr(cast.acme, cap) for cap in caps} == caps
    assert cast.acme.audit_rows.latest("n").detail == {"name": "<i>Acme</i> & Co", **caps}
    page = client.get(url).content
    assert b"&lt;i&gt;Acme" in page
    assert b"<i>Acme" not in page


def test_caps_have_borders(cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    low = {"max_steps": 0, "max_seconds": 1, "max_background_seconds": 1, "max_tokens": 1}
    page = client.post(reverse("settings", args=["acme"]), {"name": "A", **low})
    assert set(page.context["form"].errors) == set(low)
    with pytest.raises(Refused):
        actions.change_tenant(acting=cast.owner, max_steps=1000)


def test_navigation_shows_what_the_role_may_open(cast: Cast, client: Client) -> None:
    def titles(user: User) -> set[str]:
        return {row["title"] for group in console.groups_for(cast.principal(user)) for row in group["sections"]}

    assert {"Members", "API keys", "Workspace", "Audit"} <= titles(cast.erin)
    assert "Members" in titles(cast.dave)
    assert not {"API keys", "Workspace", "Audit"} & titles(cast.dave)


def test_navigation_marks_where_one_is(cast: Cast) -> None:
    groups = console.groups_for(cast.owner, reverse("keys", args=["acme"]))
    assert [row["slug"] for group in groups for row in group["sections"] if row["current"]] == ["keys"]


def test_unknown_group_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="group"):
        console.register(console.Section("x", "X", "Elsewhere", "x", "members", Act.READ, 1))


def test_overview_tells_the_next_act(cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    url = reverse("console", args=["acme"])
    lines = {line["slug"]: line["missing"] for line in client.get(url).context["lines"]}
    assert lines["members"] is None
    assert lines["keys"]
    actions.create_api_key("ci", acting=cast.owner)
    lines = {line["slug"]: line["missing"] for line in client.get(url).context["lines"]}
    assert lines["keys"] is None


def test_workspace_menu_lists_ones_own_only(cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    page = client.get(reverse("members", args=["acme"])).content.decode()
    assert "Acme" in page
    assert "Elsewhere" not in page


def test_start_names_a_workspace_and_goes_on(client: Client) -> None:
    frank = make_person("frank")
    client.force_login(frank)
    assert client.get("/start/").status_code == 200
    answer = client.post("/start/", {"name": "Frank & Söhne"})
    tenant = Tenant.objects.get()
    assert (tenant.slug, tenant.name) == ("frank-sohne", "Frank & Söhne")
    assert answer["Location"].startswith(("/start/frank-sohne/", "/t/frank-sohne/"))
    assert Membership.objects.get().role == Role.OWNER


def test_start_is_taken_up_where_it_was_left(cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    resumed = client.get("/start/")["Location"]
    assert resumed == client.get(reverse("start_resume", args=["acme"]))["Location"]
    assert client.get("/start/?new=1").status_code == 200


def test_member_is_not_led_into_set_up(cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    assert client.get("/start/")["Location"].startswith("/t/acme/chat/")


def test_same_name_twice_makes_two_slugs(cast: Cast) -> None:
    second = actions.create_tenant("Acme", acting=cast.bob).tenant
    assert second.slug.startswith("acme-")
    third = actions.create_tenant("社", acting=cast.bob).tenant
    assert third.slug.startswith("workspace-")


@pytest.mark.parametrize("slug", ["Acme", "a_b", "-a", "a-", "a\n", "a" * 41, "../x"])
def test_bad_slug_is_refused(slug: str, cast: Cast) -> None:
    with pytest.raises(Refused):
        actions.create_tenant("X", slug=slug, acting=cast.bob)


def test_taken_slug_is_refused(cast: Cast) -> None:
    with pytest.raises(Refused, match="exists"):
        actions.create_tenant("X", slug="acme", acting=cast.bob)


def test_landing_page_is_for_strangers(cast: Cast, client: Client) -> None:
    assert client.get("/").status_code == 200
    client.force_login(cast.bob)
    assert client.get("/")["Location"].startswith("/t/acme/chat/")
