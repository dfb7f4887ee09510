"""The demo's one-time address: one visit, 15 minutes, loopback only."""

from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from deny_web import valkey
from tenants import demo
from tenants.models import Tenant, User
from tests.cast import make_cast

pytestmark = pytest.mark.django_db
BASE = "http://127.0.0.1:8123"


@pytest.fixture(autouse=True)
def _demo_on(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEMO = True
    monkeypatch.setattr(demo, "_openers", [])
    monkeypatch.setattr(demo, "_seeds", [])  # chat's seed has its own tests


def path() -> str:
    url = urlsplit(demo.one_time_url(BASE))
    assert f"{url.scheme}://{url.netloc}" == BASE
    return f"{url.path}?{url.query}"


def test_address_signs_in_exactly_once(client: Client) -> None:
    address = path()
    client.get("/")
    before = client.session.session_key
    assert client.get(address)["Location"].startswith("/t/demo/chat/")
    assert client.session.session_key != before
    second = Client().get(address)
    assert second.status_code == 410
    assert client.get(address)["Location"].startswith("/t/demo/chat/")  # a second click in the same browser


def test_looking_ahead_does_not_use_it_up(client: Client) -> None:
    address = path()
    assert client.head(address).status_code == 405
    assert client.get(address, headers={"Sec-Purpose": "prefetch;prerender"}).status_code == 503
    assert client.get(address, headers={"Purpose": "prefetch"}).status_code == 503
    assert client.get(address).status_code == 302


def test_made_up_and_empty_tokens_open_nothing(client: Client) -> None:
    path()
    for query in ("", "?token=", "?token=" + "x" * 43):
        assert client.get(reverse("start_demo") + query).status_code == 410


def test_token_ends_and_is_stored_hashed() -> None:
    token = path().split("token=")[1]
    (slot,) = valkey.sync().keys("demo-token:*")
    assert token.encode() not in slot
    assert 0 < valkey.sync().ttl(slot) <= demo.LIFE


def test_workspace_is_made_and_seeded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded = []
    monkeypatch.setattr(demo, "_seeds", [lambda principal: seeded.append(principal.tenant.slug)])
    path()
    path()
    assert seeded == ["demo"]
    assert Tenant.objects.get().demo
    assert not User.objects.get().has_usable_password()


def test_taken_slug_is_left_alone() -> None:
    cast = make_cast()
    Tenant.objects.filter(pk=cast.acme.pk).update(slug="demo")
    assert demo.workspace().tenant.slug.startswith("demo-")


def test_signed_in_person_stays_who_they_are(client: Client) -> None:
    cast = make_cast()
    client.force_login(cast.bob)
    address = path()
    assert client.get(address)["Location"].startswith("/t/acme/chat/")
    assert Client().get(address).status_code == 302


@pytest.mark.parametrize(
    "base", ["http://0.0.0.0:8000", "http://192.168.1.2:8000", "http://127.0.0.1.evil.example", "x"]
)
def test_other_hosts_get_no_address(base: str) -> None:
    with pytest.raises(demo.DemoOff):
        demo.one_time_url(base)


def test_off_means_absent(settings, client: Client) -> None:
    address = path()
    settings.DEMO = False
    assert client.get(address).status_code == 404
    with pytest.raises(demo.DemoOff):
        demo.one_time_url(BASE)
    with pytest.raises(CommandError):
        call_command("demo_url")
