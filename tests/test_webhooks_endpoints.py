"""Acts on webhooks: who may, what is kept, and what is never shown."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils import timezone

from tenants import audit, webhooks
from tenants.access import Principal
from tenants.models import Role, WebhookDelivery, WebhookEndpoint
from tenants.rules import Refused
from tenants.webhooks import delivery, endpoints, sealing
from tests.cast import Cast
from tests.webhook_receiver import Receiver
from vault import rewrap, server_keys

pytestmark = pytest.mark.django_db
EVENTS = ["response.completed", "deny_web.tripwire.sighted"]


@pytest.fixture
def made(cast: Cast, receiver: Receiver) -> tuple[WebhookEndpoint, str]:
    return endpoints.create("ci", receiver.url, EVENTS, acting=cast.owner)


@pytest.fixture
def own_keys(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Server keys of the test's own, with which it may do as it likes."""
    settings.DATA_DIR = tmp_path
    server_keys.reload()
    audit._key.cache_clear()
    yield
    server_keys.reload()
    audit._key.cache_clear()


def keys_of(endpoint: WebhookEndpoint) -> tuple[str, ...]:
    """The secrets that the next event is signed with."""
    webhooks.send(endpoint.tenant_id, EVENTS[0], {}, dedupe="probe")
    WebhookDelivery.objects.update(next_at=timezone.now(), state="pending", attempts=0)
    job = delivery.claim(WebhookDelivery.objects.get(dedupe="probe").pk)
    assert job is not None
    return job.keys


def verbs(cast: Cast) -> list[str]:
    return [verb for verb in cast.acme.audit_rows.order_by("n").values_list("verb", flat=True) if "webhook" in verb]


def test_nothing_of_the_secret_or_the_address_is_stored_in_plain(
    cast: Cast, made: tuple[WebhookEndpoint, str], receiver: Receiver
) -> None:
    endpoint, secret = made
    row: dict[str, Any] = dict(WebhookEndpoint.objects.filter(pk=endpoint.pk).values().get())
    sealed = b" ".join(bytes(row.pop(column) or b"") for column in sealing.COLUMNS)
    stored = sealed.decode("latin-1") + str(row)
    audited = str(list(cast.acme.audit_rows.values()))
    for text in (secret.removeprefix("whsec_"), "token-that-is-a-password"):
        assert text not in stored
        assert text not in audited
    assert sealing.unseal(endpoint, "sealed_url") == receiver.url
    assert cast.acme.audit_rows.latest("n").detail == {"host": "127.0.0.1", "events": sorted(EVENTS)}


def test_old_secret_signs_beside_the_new_one_for_a_day(cast: Cast, made: tuple[WebhookEndpoint, str]) -> None:
    endpoint, first = made
    assert keys_of(endpoint) == (first,)
    second = endpoints.rotate(endpoint, acting=cast.owner)
    assert keys_of(endpoint) == (second, first)
    WebhookEndpoint.objects.update(old_secret_until=timezone.now() - timedelta(seconds=1))
    assert keys_of(endpoint) == (second,)
    third = endpoints.rotate(endpoint, acting=cast.owner)
    fourth = endpoints.rotate(endpoint, acting=cast.owner)
    assert keys_of(endpoint) == (fourth, third)
    assert verbs(cast).count("webhook.rotate") == 3


def test_secret_is_sealed_afresh_under_a_new_server_key(own_keys: None, cast: Cast, receiver: Receiver) -> None:
    endpoint, first = endpoints.create("ci", receiver.url, EVENTS, acting=cast.owner)
    second = endpoints.rotate(endpoint, acting=cast.owner)
    before, old = bytes(WebhookEndpoint.objects.get().sealed_secret), server_keys.current().id
    server_keys.add_line(server_keys.new_line())
    assert rewrap.run() == rewrap.Result(done=3, damaged=0)
    assert rewrap.used()[old] == 0
    assert bytes(WebhookEndpoint.objects.get().sealed_secret) != before
    assert keys_of(WebhookEndpoint.objects.get()) == (second, first)
    assert not [column for column in rewrap.forgotten() if column.startswith("WebhookEndpoint")]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://10.0.0.1/", "private"),
        ("https://127.0.0.1/", "private"),
        ("http://1.1.1.1/hook", "https"),
        ("https://user:word@1.1.1.1/", "user or a password"),
        ("ftp://1.1.1.1/", "begins with"),
        ("https://1.1.1.1/#part", "#"),
        ("https://1.1.1.1/" + "a" * 1000, "1000 characters"),
    ],
)
def test_address_that_may_not_be_reached_is_refused(url: str, sentence: str, cast: Cast) -> None:
    with pytest.raises(Refused, match=sentence):
        endpoints.create("ci", url, EVENTS, acting=cast.owner)
    assert not WebhookEndpoint.objects.exists()


def test_events_have_to_be_chosen_and_known(cast: Cast, receiver: Receiver) -> None:
    with pytest.raises(Refused, match="at least one"):
        endpoints.create("ci", receiver.url, [], acting=cast.owner)
    with pytest.raises(Refused, match="no event"):
        endpoints.create("ci", receiver.url, ["response.exploded"], acting=cast.owner)


def test_workspace_has_ten_at_most(cast: Cast, receiver: Receiver) -> None:
    for n in range(endpoints.MOST):
        endpoints.create(f"no. {n}", receiver.url, EVENTS, acting=cast.owner)
    with pytest.raises(Refused, match="at most 10"):
        endpoints.create("one more", receiver.url, EVENTS, acting=cast.owner)


def test_member_may_not(cast: Cast, made: tuple[WebhookEndpoint, str], receiver: Receiver) -> None:
    endpoint, _ = made
    bob, row = cast.principal(cast.bob), endpoints.test(endpoint, acting=cast.owner)
    for act in (
        lambda: endpoints.create("x", receiver.url, EVENTS, acting=bob),
        lambda: endpoints.change(endpoint, name="x", url=receiver.url, event_types=EVENTS, acting=bob),
        lambda: endpoints.rotate(endpoint, acting=bob),
        lambda: endpoints.switch(endpoint, on=False, acting=bob),
        lambda: endpoints.remove(endpoint, acting=bob),
        lambda: endpoints.test(endpoint, acting=bob),
        lambda: endpoints.resend(row, acting=bob),
    ):
        with pytest.raises(PermissionDenied):
            act()


def test_owner_of_another_workspace_reaches_nothing(
    cast: Cast, made: tuple[WebhookEndpoint, str], receiver: Receiver
) -> None:
    endpoint, _ = made
    charlie = Principal(cast.elsewhere, Role.OWNER, cast.charlie)
    for act in (
        lambda: endpoints.change(endpoint, name="x", url=receiver.url, event_types=EVENTS, acting=charlie),
        lambda: endpoints.rotate(endpoint, acting=charlie),
        lambda: endpoints.switch(endpoint, on=False, acting=charlie),
        lambda: endpoints.remove(endpoint, acting=charlie),
        lambda: endpoints.test(endpoint, acting=charlie),
    ):
        with pytest.raises(Http404):
            act()
    assert WebhookEndpoint.objects.get().enabled


def test_switched_off_sends_nothing_and_on_again_sends_what_comes(
    cast: Cast, made: tuple[WebhookEndpoint, str]
) -> None:
    endpoint, _ = made
    webhooks.send(cast.acme.pk, EVENTS[0], {}, dedupe="before")
    for _ in range(2):
        endpoints.switch(endpoint, on=False, acting=cast.owner)
    webhooks.send(cast.acme.pk, EVENTS[0], {}, dedupe="while it is off")
    before = WebhookDelivery.objects.get()
    assert (before.dedupe, before.state, before.error) == ("before", "failed", "switched_off")
    with pytest.raises(Refused, match="is off"):
        endpoints.test(endpoint, acting=cast.owner)
    with pytest.raises(Refused, match="is off"):
        endpoints.resend(before, acting=cast.owner)
    endpoints.switch(endpoint, on=True, acting=cast.owner)
    webhooks.send(cast.acme.pk, EVENTS[0], {}, dedupe="after")
    assert WebhookDelivery.objects.filter(dedupe="after", state="pending").exists()
    assert verbs(cast) == ["webhook.create", "webhook.off", "webhook.on"]


def test_sent_again_under_the_same_id(cast: Cast, made: tuple[WebhookEndpoint, str]) -> None:
    row = endpoints.test(made[0], acting=cast.owner)
    with pytest.raises(Refused, match="on its way"):
        endpoints.resend(row, acting=cast.owner)
    WebhookDelivery.objects.update(state="failed", next_at=None, attempts=10, status=500)
    endpoints.resend(row, acting=cast.owner)
    again = WebhookDelivery.objects.get()
    assert (again.event_id, again.body, again.state, again.attempts) == (row.event_id, row.body, "pending", 0)
    assert verbs(cast)[-1] == "webhook.resend"


def test_change_keeps_the_secret(cast: Cast, made: tuple[WebhookEndpoint, str], receiver: Receiver) -> None:
    endpoint, secret = made
    url = receiver.url + "/2"
    endpoints.change(endpoint, name=" b  c ", url=url, event_types=[EVENTS[0]], acting=cast.owner)
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.event_types) == ("b c", [EVENTS[0]])
    assert sealing.unseal(endpoint, "sealed_url") == url
    assert keys_of(endpoint) == (secret,)


def test_deleted_with_its_deliveries(cast: Cast, made: tuple[WebhookEndpoint, str]) -> None:
    endpoints.test(made[0], acting=cast.owner)
    endpoints.remove(made[0], acting=cast.owner)
    assert not WebhookEndpoint.objects.exists()
    assert not WebhookDelivery.objects.exists()
    assert verbs(cast)[-1] == "webhook.delete"
