"""A response that is deleted out of its tree: who hangs where afterwards, and who may do it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import context, deletion
from chat.errors import ApiError
from chat.models import Conversation, Item, Response
from tenants.access import Principal
from tests.cast import Cast
from tests.test_context_chain import make, put, user_says

pytestmark = [pytest.mark.django_db, pytest.mark.db_matrix]


@pytest.fixture
def chain(cast: Cast) -> list[Response]:
    """Alice's: a root, its child, and two branches from there."""
    root = make(cast.acme, cast.alice)
    middle = make(cast.acme, cast.alice, root)
    made = [root, middle, make(cast.acme, cast.alice, middle), make(cast.acme, cast.alice, middle)]
    for row in made:
        put(row, "input", 0, user_says(row.pk))
    return made


def test_all_branches_and_conversations_go_on_from_its_parent(cast: Cast, chain: list[Response]) -> None:
    root, middle, *branches = chain
    now = timezone.now() - timedelta(days=1)
    talk = Conversation.objects.create(tenant=cast.acme, created_by=cast.alice, leaf=middle, changed_at=now)
    deletion.delete(cast.owner, middle.pk)
    assert {Response.objects.get(pk=one.pk).parent_id for one in branches} == {root.pk}
    talk.refresh_from_db()
    assert talk.leaf_id == root.pk
    assert set(Item.objects.values_list("response", flat=True)) == {root.pk, *(one.pk for one in branches)}


def test_neighbours_can_go_one_after_the_other(cast: Cast, chain: list[Response]) -> None:
    root, middle, *branches = chain
    talk = Conversation.objects.create(tenant=cast.acme, leaf=branches[0], changed_at=timezone.now())
    for row in (root, branches[0], middle):
        deletion.delete(cast.owner, row.pk)
    assert Response.objects.get().parent_id is None
    talk.refresh_from_db()
    assert talk.leaf_id is None


def test_a_stranger_deletes_nothing(cast: Cast, chain: list[Response]) -> None:
    for stranger in (cast.erin, cast.charlie):
        tenant = cast.elsewhere if stranger == cast.charlie else cast.acme
        with pytest.raises(ApiError) as caught:
            deletion.delete(Principal(tenant, cast.owner.role, stranger), chain[1].pk)
        assert caught.value.status == 404
    assert Response.objects.count() == len(chain)


def test_an_answer_whose_call_was_deleted_is_not_told(cast: Cast, chain: list[Response]) -> None:
    _, middle, first, second = chain
    put(middle, "output", 0, {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"})
    put(first, "input", 1, {"type": "function_call_output", "call_id": "call_1", "output": "1"})
    put(second, "input", 1, {"type": "compaction", "encrypted_content": "theirs"})
    put(second, "input", 2, {"type": "function_call_output", "call_id": "call_1", "output": "1"})

    def answers(row: Response) -> int:
        told = context.of_chain(cast.acme.pk, row.pk)
        return sum(item["type"] == "function_call_output" for item in told)

    assert answers(first) == 1
    deletion.delete(cast.owner, middle.pk)
    assert answers(first) == 0
    assert answers(second) == 1, "what an upstream compacted may hold the call"
