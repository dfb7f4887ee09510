"""Where the model comes from: the console page, its test, and the step of the way in."""

import re

import pytest
from django.conf import LazySettings
from django.test import Client
from django.test.utils import override_settings

from chat.models import Provider
from chat.providers import upstream as upstreams
from tenants.models import User
from tests.cast import Cast
from tests.upstream import Upstream, error, text

pytestmark = pytest.mark.django_db
PAGE = "/t/acme/console/models/"
KEY = "sk-planted-0123456789abcdef"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def allowed(upstream: Upstream, settings: LazySettings) -> Upstream:
    """The scripted upstream, which the operator lets tenants reach."""
    settings.TOOL_ALLOWED_HOSTS = [upstream.address]
    return upstream


def form(address: str, **more: str) -> dict[str, str]:
    return {"kind": "responses", "base_url": address, "model": "m-1", "key": KEY, **more}


def saved(client: Client, upstream: Upstream, **more: str) -> None:
    assert client.post(PAGE, form(upstream.url, **more)).status_code == 302


def test_saving_points_the_workspace_there(cast: Cast, alice: Client, allowed: Upstream) -> None:
    saved(alice, allowed, headers="x-tfy-provider-name: openai\n\nX-Two: b: c")
    source = upstreams.for_tenant(cast.acme)
    assert (source.base_url, source.model, source.key) == (allowed.url, "m-1", KEY)
    assert source.headers == (("X-Two", "b: c"), ("x-tfy-provider-name", "openai"))


def test_key_and_header_values_are_never_sent_back(alice: Client, allowed: Upstream) -> None:
    saved(alice, allowed, headers="x-secret: planted-value")
    page = alice.get(PAGE).content.decode()
    assert allowed.url in page
    assert KEY not in page
    assert "planted-value" not in page


def test_a_refused_form_does_not_echo_the_key(alice: Client) -> None:
    page = alice.post(PAGE, form("http://10.0.0.1/v1")).content.decode()
    assert "cannot be used" in page
    assert KEY not in page


def test_an_empty_key_keeps_the_stored_one(cast: Cast, alice: Client, allowed: Upstream) -> None:
    saved(alice, allowed, headers="x-one: 1")
    saved(alice, allowed, key="", model="m-2")
    source = upstreams.for_tenant(cast.acme)
    assert (source.model, source.key, source.headers) == ("m-2", KEY, (("x-one", "1"),))


def test_key_and_headers_can_be_forgotten(cast: Cast, alice: Client, allowed: Upstream) -> None:
    saved(alice, allowed, headers="x-one: 1")
    saved(alice, allowed, key="", forget_key="on", forget_headers="on")
    source = upstreams.for_tenant(cast.acme)
    assert source.key != KEY
    assert source.headers == ()


def test_a_stored_key_does_not_follow_to_another_address(
    cast: Cast, alice: Client, allowed: Upstream, settings: LazySettings
) -> None:
    saved(alice, allowed, headers="x-secret: planted")
    other = f"http://localhost:{allowed.address.rpartition(':')[2]}/v1"
    settings.TOOL_ALLOWED_HOSTS = [allowed.address, other.removeprefix("http://").removesuffix("/v1")]
    allowed.queue(text("Hello."))
    assert alice.post(f"{PAGE}test/", form(other, key="")).json()["ok"]
    assert KEY not in str(allowed.requests())
    assert "planted" not in str(allowed.requests())
    assert alice.post(PAGE, form(other, key="")).status_code == 302
    assert upstreams.for_tenant(cast.acme).key != KEY


def test_the_test_really_asks(alice: Client, allowed: Upstream) -> None:
    allowed.queue(text("Bonjour."))
    answer = alice.post(f"{PAGE}test/", form(allowed.url)).json()
    assert answer["ok"]
    assert "Bonjour." in answer["sentence"]
    request = next(each for each in allowed.requests() if each["path"].endswith("/responses"))
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert not Provider.objects.exists()


def test_the_test_uses_the_stored_key_at_its_address(alice: Client, allowed: Upstream) -> None:
    saved(alice, allowed)
    allowed.queue(text("Hello."))
    assert alice.post(f"{PAGE}test/", form(allowed.url, key="")).json()["ok"]
    request = next(each for each in allowed.requests() if each["path"].endswith("/responses"))
    assert request["headers"]["authorization"] == f"Bearer {KEY}"


def test_a_wrong_key_is_said_plainly(alice: Client, allowed: Upstream) -> None:
    allowed.queue(error(401, "invalid_api_key"))
    answer = alice.post(f"{PAGE}test/", form(allowed.url)).json()
    assert not answer["ok"]
    assert "key" in answer["sentence"]
    assert KEY not in str(answer)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "http://localhost:9/v1"])
def test_private_addresses_are_refused_by_the_test_too(alice: Client, address: str) -> None:
    answer = alice.post(f"{PAGE}test/", form(address)).json()
    assert not answer["ok"]
    assert "private address" in answer["sentence"] or "address is private" in answer["sentence"]
    assert "TOOL_ALLOWED_HOSTS" in answer["sentence"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("base_url", "", "address"), ("model", "", "model"), ("headers", "no colon", "Name: value")],
)
def test_what_is_missing_is_named(alice: Client, field: str, value: str, words: str) -> None:
    page = alice.post(PAGE, form("https://api.example.com/v1", **{field: value})).content.decode()
    assert re.search(rf'class="errorlist"[^<]*(<[^>]+>)*[^<]*{words}', page)


def test_without_script_test_stores_and_asks(cast: Cast, alice: Client, allowed: Upstream) -> None:
    allowed.queue(text("Hola."))
    page = alice.post(PAGE, form(allowed.url, test="1"), follow=True).content.decode()
    assert "Hola." in page
    assert upstreams.for_tenant(cast.acme).model == "m-1"


def test_only_what_this_server_has_is_offered(alice: Client) -> None:
    with override_settings(DEMO_URL="", OPENAI_API_KEY=None, OPENAI_BASE_URL=None):
        page = alice.get(PAGE).content.decode()
        assert 'value="demo"' not in page
        assert 'value="default"' not in page
        assert alice.post(f"{PAGE}test/", {"kind": "demo"}).json()["ok"] is False
    with override_settings(DEMO_URL="http://127.0.0.1:1", OPENAI_API_KEY="k"):
        page = alice.get(PAGE).content.decode()
        assert 'value="demo"' in page
        assert 'value="default"' in page


def test_the_step_of_the_way_in_goes_on(alice: Client, allowed: Upstream) -> None:
    assert alice.get("/start/acme/model/").status_code == 200
    answer = alice.post("/start/acme/model/", form(allowed.url))
    assert answer.status_code == 302
    assert "model" not in answer["Location"]


def test_member_may_not_and_outsider_gets_404(cast: Cast) -> None:
    for page in (PAGE, "/start/acme/model/"):
        assert signed_in(cast.bob).get(page).status_code == 403
        assert signed_in(cast.charlie).get(page).status_code == 404
    assert signed_in(cast.bob).post(f"{PAGE}test/", form("https://x.example/v1")).status_code == 403
    assert signed_in(cast.charlie).post(f"{PAGE}test/", form("https://x.example/v1")).status_code == 404
