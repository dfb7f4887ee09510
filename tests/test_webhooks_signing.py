"""Signatures that real clients accept."""

import base64
import time
from collections.abc import Iterator

import pytest
from openai import InvalidWebhookSignatureError, OpenAI
from openai.types.webhooks import ResponseCompletedWebhookEvent

from tenants.webhooks import events, signing


@pytest.fixture
def client() -> Iterator[OpenAI]:
    with OpenAI(api_key="not used") as made:
        yield made


def signed(keys: list[str], at: int | None = None) -> tuple[str, dict[str, str]]:
    event = events.make("response.completed", {"id": "resp_1"})
    return event.body, signing.headers(keys, event.id, at or int(time.time()), event.body)


def test_sdk_accepts_and_reads_it(client: OpenAI) -> None:
    key = signing.mint()
    body, headers = signed([key])
    event = client.webhooks.unwrap(body, headers, secret=key)
    assert isinstance(event, ResponseCompletedWebhookEvent)
    assert (event.data.id, event.object) == ("resp_1", "event")
    assert event.id == headers["webhook-id"]


def test_sdk_accepts_either_of_two_secrets(client: OpenAI) -> None:
    old, new = signing.mint(), signing.mint()
    body, headers = signed([new, old])
    assert headers["webhook-signature"].count("v1,") == 2
    for key in (old, new):
        client.webhooks.verify_signature(body, headers, secret=key)


@pytest.mark.parametrize("name", ["body", "webhook-id", "webhook-timestamp"])
def test_sdk_refuses_what_was_changed(name: str, client: OpenAI) -> None:
    key = signing.mint()
    body, headers = signed([key])
    if name == "body":
        body += " "
    else:
        headers[name] = headers[name][:-1] + ("1" if headers[name][-1] != "1" else "2")
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.verify_signature(body, headers, secret=key)


def test_sdk_refuses_another_secret_and_an_old_timestamp(client: OpenAI) -> None:
    key = signing.mint()
    body, headers = signed([key])
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.verify_signature(body, headers, secret=signing.mint())
    body, headers = signed([key], int(time.time()) - 400)
    with pytest.raises(InvalidWebhookSignatureError, match="too old"):
        client.webhooks.verify_signature(body, headers, secret=key)


def test_signature_is_the_one_of_the_specification() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks, spec, "Signature scheme"."""
    key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = '{"test": 2432232314}'
    headers = signing.headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secret_has_the_length_that_the_specification_asks_for() -> None:
    key = signing.mint()
    assert 24 <= len(base64.b64decode(key.removeprefix("whsec_"))) <= 64
