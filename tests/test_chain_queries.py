"""What finding a chain costs does not grow with all else that its workspace has stored."""

from dataclasses import replace

import pytest
from django.db import connection

from chat import context, lookup
from tenants.models import ApiKey
from tests.cast import Cast

# PostgreSQL plans by a table's figures, which an empty one has not.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_chains_items_are_found_by_their_responses(cast: Cast) -> None:
    tenant = cast.acme.pk.hex
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {context._CHAIN_ITEMS}", ["resp_a", tenant, tenant, 10, tenant])
        plan = "\n".join(row[-1] for row in cursor.fetchall())
    assert "item_of_response (tenant_id=? AND response_id=?)" in plan, plan


@pytest.mark.parametrize("by_key", [False, True])
def test_what_an_input_names_is_found_by_its_id(cast: Cast, by_key: bool) -> None:
    asks = replace(cast.owner, api_key=ApiKey() if by_key else None)
    plan = lookup.items(asks).filter(item_id__in=["rs_a", "rs_b"]).order_by("pk").explain()
    assert "(item_id=?)" in plan, plan
