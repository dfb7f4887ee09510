"""What becomes of an event on its way: tried again, given up, never lost, never to an address that was not checked."""

import asyncio
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from deny_web import loop
from tenants import webhooks
from tenants.models import Tenant, WebhookDelivery, WebhookEndpoint
from tenants.webhooks import delivery, endpoints, posting, signing, tasks
from tenants.webhooks.posting import Answer
from tests.cast import Cast
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
State = WebhookDelivery.State
COMPLETED = "response.completed"


@pytest.fixture
def endpoint(cast: Cast, receiver: Receiver) -> WebhookEndpoint:
    return endpoints.create("ci", receiver.url, [COMPLETED], acting=cast.owner)[0]


def told(tenant: Tenant, dedupe: str = "resp_1", event_type: str = COMPLETED) -> WebhookDelivery:
    """An event to whoever listens; the one delivery that it made."""
    webhooks.send(tenant.pk, event_type, {"id": dedupe}, dedupe=dedupe)
    return WebhookDelivery.objects.get(dedupe=dedupe)


def attempt(row: WebhookDelivery) -> WebhookDelivery:
    """One attempt, now, as a worker makes it."""
    WebhookDelivery.objects.filter(pk=row.pk, next_at__isnull=False).update(next_at=timezone.now())
    loop.submit(delivery.deliver(row.pk)).result(30)
    row.refresh_from_db()
    return row


def test_event_arrives_in_openai_s_shape(cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    row = attempt(told(cast.acme))
    (received,) = receiver.received
    body = json.loads(received.body)
    assert body == {
        "id": row.event_id,
        "object": "event",
        "created_at": pytest.approx(timezone.now().timestamp(), abs=60),
        "type": COMPLETED,
        "data": {"id": "resp_1"},
    }
    assert received.headers["webhook-id"] == row.event_id
    assert received.headers["content-type"] == "application/json"
    assert received.path == "/hooks/token-that-is-a-password"
    assert (row.state, row.status, row.attempts, row.next_at) == (State.DELIVERED, 204, 1, None)
    assert row.duration_ms is not None


def test_only_what_was_asked_for_is_sent(cast: Cast, endpoint: WebhookEndpoint) -> None:
    webhooks.send(cast.acme.pk, "response.failed", {"id": "resp_1"}, dedupe="a")
    webhooks.send(cast.elsewhere.pk, COMPLETED, {"id": "resp_1"}, dedupe="b")
    assert not WebhookDelivery.objects.exists()
    with pytest.raises(ValueError, match="no such webhook event"):
        webhooks.send(cast.acme.pk, "response.exploded", {}, dedupe="c")


def test_same_event_twice_is_sent_once(cast: Cast, endpoint: WebhookEndpoint) -> None:
    first = told(cast.acme)
    again = told(cast.acme)
    assert first.pk == again.pk
    assert told(cast.acme, "resp_2").pk != first.pk


def test_event_of_an_act_that_is_rolled_back_never_was(cast: Cast, endpoint: WebhookEndpoint) -> None:
    with transaction.atomic():
        webhooks.send(cast.acme.pk, COMPLETED, {"id": "resp_1"}, dedupe="x")
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


def test_failure_is_tried_again_with_growing_delays(cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    row = told(cast.acme)
    tries = len(delivery.DELAYS) + 1
    receiver.answers = [500] * tries
    waits = []
    for n in range(1, tries):
        before = timezone.now()
        attempt(row)
        assert (row.state, row.status, row.attempts) == (State.PENDING, 500, n)
        assert row.next_at is not None
        waits.append((row.next_at - before).total_seconds())
    for waited, delay in zip(waits, delivery.DELAYS, strict=True):
        assert delay * 0.9 <= waited <= delay * 1.1 + 10
    attempt(row)
    assert (row.state, row.next_at) == (State.FAILED, None)
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    assert len({received.body for received in receiver.received}) == 1
    assert timedelta(days=3) < timedelta(seconds=sum(delivery.DELAYS)) < timedelta(days=4)


def test_delivery_after_failures_clears_the_endpoint(cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    row = told(cast.acme)
    receiver.answers = [503]
    attempt(row)
    endpoint.refresh_from_db()
    assert endpoint.failing_since is not None
    attempt(row)
    endpoint.refresh_from_db()
    assert row.state == State.DELIVERED
    assert endpoint.failing_since is None


def test_redirect_is_not_followed(cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    receiver.answers, receiver.location = [307], receiver.url.replace("/hooks/", "/elsewhere/")
    row = attempt(told(cast.acme))
    assert (row.state, row.status) == (State.PENDING, 307)
    assert [received.path for received in receiver.received] == ["/hooks/token-that-is-a-password"]


def test_receiver_that_wants_no_more_is_switched_off(cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    row, waiting = told(cast.acme), told(cast.acme, "resp_2")
    receiver.answers = [410]
    attempt(row)
    endpoint.refresh_from_db()
    waiting.refresh_from_db()
    assert (row.state, row.status) == (State.FAILED, 410)
    assert (endpoint.enabled, endpoint.off_reason) == (False, "gone")
    assert (waiting.state, waiting.error) == (State.FAILED, "switched_off")
    last = cast.acme.audit_rows.latest("n")
    assert (last.verb, last.actor, last.subject, last.detail) == ("webhook.off", "worker", "ci", {"reason": "gone"})
    webhooks.send(cast.acme.pk, COMPLETED, {}, dedupe="later")
    assert not WebhookDelivery.objects.filter(dedupe="later").exists()


def test_endpoint_that_fails_for_five_days_is_switched_off_and_its_owners_are_told(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    row = told(cast.acme)
    receiver.answers = [500, 500, 500]
    attempt(row)

    def failing_for(time: timedelta) -> WebhookEndpoint:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failing_since=timezone.now() - time)
        attempt(row)
        endpoint.refresh_from_db()
        return endpoint

    assert failing_for(timedelta(days=4, hours=23)).enabled
    assert failing_for(timedelta(days=5)).off_reason == "failing"
    tasks.mail(str(endpoint.pk))
    (letter,) = mail.outbox
    assert letter.to == [cast.alice.email]
    assert letter.subject == "deny_web: a webhook of Acme is off"
    assert "Nothing could be delivered for five days" in letter.body
    assert f"/t/acme/console/webhooks/{endpoint.pk}/" in letter.body
    assert "token-that-is-a-password" not in letter.body


@pytest.mark.parametrize("spelling", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433"])
def test_private_address_is_never_asked(
    spelling: str, cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver, settings: Any
) -> None:
    """The row says it, the network does not: what was allowed when it was added may not be now."""
    from tenants.webhooks import sealing

    sealing.seal(endpoint, "sealed_url", f"https://{spelling}:{receiver.port}/")
    endpoint.save()
    settings.TOOL_ALLOWED_HOSTS = []
    row = attempt(told(cast.acme))
    assert (row.state, row.status, row.error) == (State.PENDING, None, "address_refused")
    assert not receiver.received


def test_plain_http_is_for_allowed_hosts_only(settings: Any) -> None:
    settings.TOOL_ALLOWED_HOSTS = ["127.0.0.1:8080"]
    posting.check("http://127.0.0.1:8080/")
    with pytest.raises(posting.AddressRefused, match="https"):
        posting.check("http://1.1.1.1/")
    assert asyncio.run(posting.post("http://1.1.1.1/", {}, "")) == Answer(error="address_refused")


def test_nobody_there_is_a_failure(cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    receiver.close()
    row = attempt(told(cast.acme))
    assert (row.state, row.status, row.error) == (State.PENDING, None, "no_connection")


def test_slow_receiver_is_cut_off(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TIMEOUT", 0.2)
    receiver.gate.clear()
    row = attempt(told(cast.acme))
    assert (row.state, row.error) == (State.PENDING, "timeout")


def test_message_that_comes_twice_is_posted_once(cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    row = told(cast.acme)
    receiver.gate.clear()
    both = [loop.submit(delivery.deliver(row.pk)) for _ in range(2)]
    assert receiver.arrived.acquire(timeout=10)
    receiver.gate.set()
    for one in both:
        one.result(10)
    row.refresh_from_db()
    assert (len(receiver.received), row.attempts, row.state) == (1, 1, State.DELIVERED)


def test_what_a_dead_worker_left_is_due_again(cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    row = told(cast.acme)
    lost = delivery.claim(row.pk)
    assert lost is not None
    assert delivery.claim(row.pk) is None
    assert delivery.due() == []
    WebhookDelivery.objects.filter(pk=row.pk).update(next_at=timezone.now() - timedelta(seconds=1))
    assert [one.pk for one in delivery.due()] == [row.pk]
    attempt(row)
    assert (row.state, row.attempts) == (State.DELIVERED, 2)
    delivery.finish(lost, Answer(500), 1)  # the first one was only stopped, and wakes
    row.refresh_from_db()
    assert (row.state, row.status) == (State.DELIVERED, 204)


def test_delivery_that_kills_its_workers_is_given_up(cast: Cast, endpoint: WebhookEndpoint) -> None:
    row = told(cast.acme)
    WebhookDelivery.objects.filter(pk=row.pk).update(attempts=len(delivery.DELAYS) + 1)
    assert delivery.claim(row.pk) is None
    row.refresh_from_db()
    assert (row.state, row.error) == (State.FAILED, "worker_lost")


def test_address_that_does_not_open_is_a_failure(cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    other, _ = endpoints.create("other", receiver.url, ["response.failed"], acting=cast.owner)
    endpoint.sealed_url = other.sealed_url  # copied by somebody who can write to the database
    endpoint.save()
    row = attempt(told(cast.acme))
    assert (row.state, row.error) == (State.PENDING, "unreadable")
    assert not receiver.received


def test_backlog_of_one_endpoint_leaves_room_for_others(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    endpoints.create("other", receiver.url, ["response.failed"], acting=cast.owner)
    for n in range(40):
        told(cast.acme, f"resp_{n}")
    last = told(cast.acme, "resp_last", "response.failed")
    found = delivery.due()
    assert last.pk in {one.pk for one in found}
    assert len(found) < 40


def test_old_rows_and_old_secrets_are_forgotten(cast: Cast, endpoint: WebhookEndpoint) -> None:
    def aged(row: WebhookDelivery, days: int) -> None:
        WebhookDelivery.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=days))

    old, young = told(cast.acme, "old"), told(cast.acme, "young")
    aged(old, 31)
    aged(young, 29)
    endpoints.rotate(endpoint, acting=cast.owner)
    delivery.tidy()
    assert list(WebhookDelivery.objects.all()) == [young]
    assert _old_secret(endpoint) is not None
    WebhookEndpoint.objects.update(old_secret_until=timezone.now())
    delivery.tidy()
    assert _old_secret(endpoint) is None


def test_worker_s_task_posts_and_the_sweep_asks_for_it(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    row = told(cast.acme)
    tasks.deliver(str(row.pk), str(row.endpoint_id))
    assert receiver.arrived.acquire(timeout=10)
    tasks.deliver(str(uuid.uuid4()), str(row.endpoint_id))  # deleted meanwhile


def _old_secret(endpoint: WebhookEndpoint) -> datetime | None:
    endpoint.refresh_from_db()
    assert (endpoint.sealed_old_secret is None) == (endpoint.old_secret_until is None)
    return endpoint.old_secret_until


def test_job_shows_no_secret(cast: Cast, endpoint: WebhookEndpoint) -> None:
    job = delivery.claim(told(cast.acme).pk)
    assert job is not None
    assert job.keys[0].startswith("whsec_")
    assert "whsec_" not in repr(job)
    assert "token-that" not in repr(job)
    assert signing.mint() != signing.mint()
