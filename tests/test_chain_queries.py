"""What finding a chain costs does not grow with all else that its workspace has stored."""

import pytest

from chat.models import Item
from tests.cast import Cast

# PostgreSQL plans by a table's figures, which an empty one has not.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_chains_items_are_found_by_their_responses(cast: Cast) -> None:
    rows = Item.objects.for_tenant(cast.acme).filter(response__in=["resp_a", "resp_b"], abandoned=False)
    plan = rows.order_by("direction", "position").explain()
    assert "item_of_response (tenant_id=? AND response_id=?)" in plan
