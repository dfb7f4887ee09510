"""What is stored can be read while Valkey is away."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import Conversation
from deny_web import valkey
from tests.cast import Cast

PAGES = ("console", "vault", "tools", "models", "keys", "members", "spend", "usage", "audit", "webhooks")


@pytest.fixture
def _away(settings) -> Iterator[None]:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    valkey.sync.cache_clear()
    yield
    valkey.sync.cache_clear()


@pytest.fixture
def alice(cast: Cast, client: Client, _away: None) -> Client:
    client.force_login(cast.alice)
    return client


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_console_opens(alice: Client, name: str) -> None:
    assert alice.get(reverse(name, args=("acme",))).status_code == 200


def test_a_conversation_opens_and_its_vault_counts_as_locked(cast: Cast, alice: Client) -> None:
    made = Conversation.objects.create(
        tenant=cast.acme, created_by=cast.alice, title="Invoices", changed_at=timezone.now()
    )
    page = alice.get(reverse("conversation", args=("acme", made.pk)))
    assert page.status_code == 200
    assert page.context["lease"] is None
