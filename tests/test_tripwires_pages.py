"""The tripwires' pages: who may see them, what they show once and never again, each act by its form."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.cast import Cast
from tests.test_tripwires_alerts import look
from tests.tripwire_cast import OTHER, VALUE, arm
from vault.models import Honeytoken, Sighting

pytestmark = pytest.mark.django_db
SHOWN = re.compile(r'data-copy="([^"]+)"')


@pytest.fixture
def alice(cast: Cast, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def url(name: str, **kwargs: Any) -> str:
    return reverse(name, kwargs={"slug": "acme", **kwargs})


def page(client: Client, name: str = "tripwires", **kwargs: Any) -> str:
    answer = client.get(url(name, **kwargs))
    assert answer.status_code == 200
    return answer.content.decode()


def post(client: Client, name: str, data: dict[str, Any] | None = None, status: int = 302, **kwargs: Any) -> str:
    answer = client.post(url(name, **kwargs), data or {})
    assert answer.status_code == status, answer.content.decode()
    return answer.content.decode()


@pytest.mark.parametrize("who", ["bob", "dave"])
def test_member_is_not_told_that_there_are_any(cast: Cast, client: Client, who: str) -> None:
    trap = arm(cast)
    look(trap)
    client.force_login(getattr(cast, who))
    for name, kwargs in (("tripwires", {}), ("tripwire_make", {}), ("tripwire", {"pk": trap.token.pk})):
        assert client.get(url(name, **kwargs)).status_code == 403
    seen = client.get(url("members")).content.decode()
    assert "sighted" not in seen
    assert "tripwires" not in seen


def test_fake_is_shown_once(alice: Client) -> None:
    shown = post(alice, "tripwire_make", {"name": "wiki", "kind": "stripe-live-key", "stops": "on"}, 200)
    found = SHOWN.search(shown)
    assert found
    assert found[1].startswith("sk_live_")
    token = Honeytoken.objects.get()
    assert (token.stops, token.in_output) == (True, False)
    for later in (page(alice), page(alice, "tripwire", pk=token.pk)):
        assert found[1] not in later
        assert "wiki" in later


def test_own_value_never_comes_back(alice: Client) -> None:
    post(alice, "tripwire_make", {"name": "own", "kind": "own", "value": VALUE})
    assert VALUE not in page(alice, "tripwire", pk=Honeytoken.objects.get().pk)
    for wrong in ({"name": "own", "value": OTHER}, {"name": "", "value": OTHER}, {"name": "b", "value": "short"}):
        refused = post(alice, "tripwire_make", {"kind": "own", **wrong}, 400 if wrong["name"] else 200)
        assert OTHER not in refused
    assert "Enter the value" in post(alice, "tripwire_make", {"name": "c", "kind": "own"}, 200)
    assert "Choose" in post(alice, "tripwire_make", {"name": "c", "kind": "stripe-live-key", "value": OTHER}, 200)
    assert Honeytoken.objects.count() == 1


def test_plant_and_take_up(cast: Cast, alice: Client) -> None:
    pk = arm(cast).token.pk
    fields = {"in_prompt": "on", "note": "Do not use {value}", "value": OTHER}
    refused = post(alice, "tripwire_plant", fields, 400, pk=pk)
    assert "not the value of this honeytoken" in refused
    assert OTHER not in refused
    post(alice, "tripwire_plant", fields | {"value": VALUE}, pk=pk)
    assert Honeytoken.objects.get().in_prompt
    planted = page(alice, "tripwire", pk=pk)
    assert VALUE not in planted
    assert "Instructions" in page(alice)
    post(alice, "tripwire_plant", {"note": "Do not use {value}"}, pk=pk)
    assert Honeytoken.objects.get().sealed_value is None


def test_disarm_arm_options_and_delete(cast: Cast, alice: Client) -> None:
    pk = arm(cast).token.pk
    post(alice, "tripwire_options", {"in_output": "on"}, pk=pk)
    assert not Honeytoken.objects.get().stops
    post(alice, "tripwire_arm", {"armed": "off"}, pk=pk)
    assert "nothing watches for it" in page(alice, "tripwire", pk=pk)
    post(alice, "tripwire_arm", {"armed": "on"}, pk=pk)
    assert Honeytoken.objects.get().armed
    assert "Delete bait" in page(alice, "tripwire_delete", pk=pk)
    assert Honeytoken.objects.exists()
    post(alice, "tripwire_delete", pk=pk)
    assert not Honeytoken.objects.exists()


def test_banner_stands_on_every_page_until_it_is_acknowledged(cast: Cast, alice: Client) -> None:
    trap = arm(cast)
    assert "was sighted" not in page(alice, "members")
    look(trap)
    assert "A honeytoken was sighted." in page(alice, "members")
    shown = page(alice)
    assert "A honeytoken was sighted." not in shown  # the page itself shows it
    assert "bob@example.com" in shown
    post(alice, "tripwire_acknowledge", pk=Sighting.objects.get().pk)
    assert "was sighted" not in page(alice, "members")
    assert "Acknowledged by alice@example.com" in page(alice)


def test_all_are_acknowledged_at_once(cast: Cast, alice: Client) -> None:
    trap = arm(cast)
    for place in Sighting.Place:
        look(trap, place=place)
    assert "Acknowledge all 6" in page(alice)
    post(alice, "tripwire_acknowledge_all")
    assert not Sighting.objects.filter(acknowledged_at=None).exists()


def test_alert_outlives_its_honeytoken(cast: Cast, alice: Client) -> None:
    trap = arm(cast)
    look(trap)
    post(alice, "tripwire_delete", pk=trap.token.pk)
    assert "bait" in page(alice)


def test_another_workspace_s_ids_are_none(cast: Cast, client: Client) -> None:
    trap = arm(cast)
    look(trap)
    client.force_login(cast.charlie)
    ids = {"pk": trap.token.pk, "slug": "elsewhere"}
    assert client.get(reverse("tripwire", kwargs=ids)).status_code == 404
    for name in ("tripwire_delete", "tripwire_arm", "tripwire_options", "tripwire_plant", "tripwire_hook"):
        assert client.post(reverse(name, kwargs=ids), {"armed": "off"}).status_code == 404
    ids["pk"] = trap.raised()[0].pk
    client.post(reverse("tripwire_acknowledge", kwargs=ids))
    assert trap.raised()[0].acknowledged_at is None
    assert Honeytoken.objects.get().armed


def test_page_says_when_a_value_cannot_be_seen(cast: Cast, alice: Client) -> None:
    trap = arm(cast)
    Honeytoken.objects.update(key_id=1)
    assert "its server key is missing" in page(alice)
    assert "It is not seen" in page(alice, "tripwire", pk=trap.token.pk)
