"""A chain that is too long is refused: the model is never told less of it than the client believes."""

from typing import Any

import pytest
from django.db import transaction

from chat import context, conversations, creation, params
from chat.errors import ApiError
from chat.models import Conversation, Door, Response, Status
from tenants import access, actions
from tenants.access import Act, Principal
from tests.cast import Cast
from tests.test_context_chain import make, put, texts, user_says

pytestmark = [pytest.mark.django_db, pytest.mark.db_matrix]

MOST = 3


@pytest.fixture(autouse=True)
def short_chains(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(context, "MAX_CHAIN", MOST)
    settings.DEMO_URL = "http://127.0.0.1:9"


@pytest.fixture
def key(cast: Cast) -> Principal:
    return access.for_bearer(f"Bearer {actions.create_api_key('ci', acting=cast.owner)[1]}", Act.CHAT)


def chain(key: Principal, length: int, conversation: Conversation | None = None) -> Response:
    row = None
    for place in range(length):
        row = make(key.tenant, None, row, api_key=key.api_key, conversation=conversation)
        put(row, "input", 0, user_says(str(place)))
    assert row is not None
    return row


def test_a_chain_is_told_whole_or_not_at_all(key: Principal) -> None:
    assert texts(context.of_chain(key.tenant.id, chain(key, MOST).pk)) == ["0", "1", "2"]
    with pytest.raises(ApiError) as caught:
        context.of_chain(key.tenant.id, chain(key, MOST + 1).pk)
    assert (caught.value.status, caught.value.code) == (400, "chain_too_long")
    assert "ompact" in caught.value.message


@pytest.mark.parametrize("store", [True, False])
def test_a_full_chain_is_not_continued_and_can_still_be_compacted(key: Principal, store: bool) -> None:
    def continued(length: int) -> object:
        newest = chain(key, length)
        asked = params.parse({"input": "more", "store": store, "previous_response_id": newest.pk})
        with transaction.atomic():
            return creation.create(key, asked, door=Door.API, host_id=None)

    assert continued(MOST - 1)
    with pytest.raises(ApiError) as caught:
        continued(MOST)
    assert caught.value.code == "chain_too_long"
    assert not Response.objects.exclude(status=Status.COMPLETED).filter(parent__parent__parent__isnull=False)
    assert len(context.of_chain(key.tenant.id, chain(key, MOST).pk)) == MOST  # what a compaction reads


def test_a_full_conversation_takes_no_more_items_and_lists_what_it_has(key: Principal) -> None:
    talk = conversations.create(key, {})
    for place in range(MOST):
        conversations.add_items(key, talk.pk, {"items": [user_says(str(place))]})
    with pytest.raises(ApiError) as caught:
        conversations.add_items(key, talk.pk, {"items": [user_says("more")]})
    assert caught.value.code == "chain_too_long"
    assert texts(conversations.items(key, talk.pk)) == ["0", "1", "2"]
