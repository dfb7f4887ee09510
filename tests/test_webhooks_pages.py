"""The console's pages of webhooks."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.models import User, WebhookDelivery, WebhookEndpoint
from tenants.webhooks import endpoints, sealing
from tests.cast import Cast
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.django_db
EVENTS = ["response.completed", "response.failed"]
SECRET = re.compile(r"whsec_[\w+/=]{40,}")


@pytest.fixture
def endpoint(cast: Cast, receiver: Receiver) -> WebhookEndpoint:
    return endpoints.create("Billing <b>", receiver.url, EVENTS, acting=cast.owner)[0]


@pytest.fixture
def admin(cast: Cast, client: Client) -> Client:
    client.force_login(cast.erin)
    return client


def at(name: str, endpoint: WebhookEndpoint | None = None, **more: object) -> str:
    known = {} if endpoint is None else {"pk": endpoint.pk}
    return reverse(name, kwargs={"slug": "acme", **known, **more})


def test_secret_is_shown_once(admin: Client, cast: Cast, receiver: Receiver) -> None:
    page = admin.post(at("webhooks"), {"url": receiver.url, "name": "CI", "event_types": EVENTS})
    endpoint = WebhookEndpoint.objects.get()
    (secret,) = set(SECRET.findall(page.content.decode()))
    assert sealing.unseal(endpoint, "sealed_secret") == secret
    assert "no-store" in page["Cache-Control"]
    for url in (at("webhooks"), at("webhook", endpoint), at("audit")):
        assert not SECRET.search(admin.get(url).content.decode())


def test_empty_list_says_what_it_is_for(admin: Client) -> None:
    assert "No webhooks yet" in admin.get(at("webhooks")).content.decode()


def test_form_says_what_is_wrong_and_keeps_what_was_typed(admin: Client, cast: Cast) -> None:
    page = admin.post(at("webhooks"), {"url": "https://10.0.0.1/x", "name": "kept", "event_types": EVENTS[:1]})
    text = page.content.decode()
    assert "This address cannot be used: the address is private" in text
    assert 'value="kept"' in text
    assert text.count("checked") == 1
    page = admin.post(at("webhooks"), {"url": "https://1.1.1.1/x"})
    assert "Choose at least one event." in page.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_list_and_page_name_the_host_and_escape_the_name(admin: Client, endpoint: WebhookEndpoint) -> None:
    text = admin.get(at("webhooks")).content.decode()
    assert "127.0.0.1:" in text
    assert "token-that-is-a-password" not in text
    assert "Billing &lt;b&gt;" in text
    assert "Billing <b>" not in admin.get(at("webhook", endpoint)).content.decode()


def test_change_is_saved(admin: Client, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    url = receiver.url + "?a=1&b=2"
    form = {"url": url, "name": "Other", "event_types": EVENTS[:1]}
    assert admin.post(at("webhook", endpoint), form).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.event_types, sealing.unseal(endpoint, "sealed_url")) == ("Other", EVENTS[:1], url)


def test_test_is_sent_and_its_result_is_told(admin: Client, endpoint: WebhookEndpoint) -> None:
    page = admin.post(at("webhook_test", endpoint), follow=True).content.decode()
    assert "A test" in page
    assert "On its way" in page
    assert "data-busy" in page
    WebhookDelivery.objects.update(state="delivered", next_at=None, status=204, duration_ms=12, attempts=1)
    part = admin.get(at("webhook_deliveries", endpoint)).content.decode()
    assert "Delivered" in part
    assert "Answered 204 in 12 ms." in part
    assert "data-busy" not in part
    assert "<html" not in part


def test_what_was_given_up_can_be_sent_again(admin: Client, endpoint: WebhookEndpoint, cast: Cast) -> None:
    row = endpoints.test(endpoint, acting=cast.owner)
    WebhookDelivery.objects.update(state="failed", next_at=None, error="timeout", attempts=10)
    text = admin.get(at("webhook", endpoint)).content.decode()
    assert "Given up" in text
    assert "No answer within 15 seconds." in text
    admin.post(at("webhook_resend", endpoint, delivery=row.pk))
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("pending", 0)


def test_rotation_asks_and_says_that_the_old_one_stays(admin: Client, endpoint: WebhookEndpoint) -> None:
    before = sealing.unseal(endpoint, "sealed_secret")
    assert (
        "For 24 hours each event carries two signatures" in admin.get(at("webhook_rotate", endpoint)).content.decode()
    )
    page = admin.post(at("webhook_rotate", endpoint)).content.decode()
    (secret,) = set(SECRET.findall(page))
    assert secret != before
    assert "The one until now stays valid until" in page
    assert "only the newest two are valid" in admin.get(at("webhook_rotate", endpoint)).content.decode()


def test_switched_off_and_on(admin: Client, endpoint: WebhookEndpoint) -> None:
    text = admin.post(at("webhook_switch", endpoint), {"enabled": "off"}, follow=True).content.decode()
    assert "This webhook is off" in text
    assert "Send a test" not in text.replace("Send a test to see", "")
    text = admin.post(at("webhook_test", endpoint), follow=True).content.decode()
    assert "Switch it on first" in text
    admin.post(at("webhook_switch", endpoint), {"enabled": "on"})
    endpoint.refresh_from_db()
    assert endpoint.enabled


def test_failing_endpoint_says_so(admin: Client, endpoint: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.update(failing_since=timezone.now())
    assert "Nothing gets through" in admin.get(at("webhook", endpoint)).content.decode()
    assert "Failing" in admin.get(at("webhooks")).content.decode()
    WebhookEndpoint.objects.update(failing_since=None, enabled=False, off_reason="gone")
    assert "The receiver answered 410" in admin.get(at("webhook", endpoint)).content.decode()


def test_delete_asks_first(admin: Client, endpoint: WebhookEndpoint) -> None:
    assert admin.get(at("webhook_delete", endpoint)).status_code == 200
    assert WebhookEndpoint.objects.exists()
    assert admin.post(at("webhook_delete", endpoint)).status_code == 302
    assert not WebhookEndpoint.objects.exists()


def every_page(endpoint: WebhookEndpoint, slug: str) -> list[tuple[str, str]]:
    """Each address with a method that it takes."""
    row = WebhookDelivery.objects.get(endpoint=endpoint)
    names = {"webhooks": "get", "webhook": "get", "webhook_deliveries": "get", "webhook_delete": "get"}
    names |= {"webhook_rotate": "get", "webhook_test": "post", "webhook_switch": "post", "webhook_resend": "post"}
    found = []
    for name, method in names.items():
        keys = {"slug": slug} | ({} if name == "webhooks" else {"pk": endpoint.pk})
        keys |= {"delivery": row.pk} if name == "webhook_resend" else {}
        found.append((method, reverse(name, kwargs=keys)))
    return found


def test_who_may_open_what(cast: Cast, client: Client, endpoint: WebhookEndpoint) -> None:
    endpoints.test(endpoint, acting=cast.owner)

    def statuses(user: User, slug: str = "acme") -> set[int]:
        client.force_login(user)
        return {getattr(client, method)(url).status_code for method, url in every_page(endpoint, slug)}

    assert statuses(cast.bob) == {403}
    assert statuses(cast.dave) == {403}
    assert statuses(cast.charlie) == {404}
    # Charlie's own workspace is there, and has nothing of ours under our ids.
    client.force_login(cast.charlie)
    for method, url in every_page(endpoint, "elsewhere")[1:]:
        assert getattr(client, method)(url).status_code == 404
    endpoint.refresh_from_db()
    assert endpoint.enabled


def test_delivery_of_another_endpoint_is_not_found(admin: Client, endpoint: WebhookEndpoint, cast: Cast) -> None:
    other, _ = endpoints.create("other", sealing.unseal(endpoint, "sealed_url"), EVENTS, acting=cast.owner)
    row = endpoints.test(other, acting=cast.owner)
    assert admin.post(at("webhook_resend", endpoint, delivery=row.pk)).status_code == 404


def test_long_list_has_pages(admin: Client, endpoint: WebhookEndpoint, cast: Cast) -> None:
    for _ in range(30):
        endpoints.test(endpoint, acting=cast.owner)
    first, second = (admin.get(at("webhook", endpoint) + f"?page={n}").content.decode() for n in (1, 2))
    assert 'rel="next" href="?page=2"' in first
    assert [page.count('scope="row"') for page in (first, second)] == [25, 5]
