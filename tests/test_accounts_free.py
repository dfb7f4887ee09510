"""Who sets no limit, no budget and no price pays nothing for them: no query, no way to Valkey, no header."""

from typing import Any

import pytest

from chat import accounts
from chat.accounts import Used
from chat.models import Door, Response
from deny_web import valkey
from tenants import access, prices, spending
from tenants.access import Act, Principal
from tenants.models import ApiKey
from tests.cast import Cast, make_key

pytestmark = pytest.mark.django_db


def by_key(key: str) -> Principal:
    return access.for_bearer(f"Bearer {key}", Act.CHAT)


def response(principal: Principal) -> Response:
    fields = {"user": principal.user, "api_key": principal.api_key, "door": Door.API, "model": "m"}
    return Response(tenant=principal.tenant, request={"max_output_tokens": 100}, host_id="host_1", **fields)


def unused() -> Any:
    raise AssertionError("nobody was to ask this")


def test_the_one_query_of_a_key_brings_all_that_a_free_request_needs(
    cast: Cast, django_assert_num_queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(cast)
    by_key(key)  # notes the use
    monkeypatch.setattr(valkey, "sync", unused)
    with django_assert_num_queries(1):
        principal = by_key(key)
        row = response(principal)
        accounts.need_permit(principal, None)
        assert accounts.reserve(principal, row, unused) is None
        assert accounts.opened(row, principal.tenant, "m").rate is None


def test_a_limit_asks_for_a_permit_without_a_query(cast: Cast, django_assert_num_queries) -> None:
    key = make_key(cast)
    spending.change_limits(acting=cast.owner, requests=5, tokens=None, api_key=ApiKey.objects.get())
    principal = by_key(key)
    with django_assert_num_queries(0), pytest.raises(accounts.PermitNeeded):
        accounts.need_permit(principal, None)


def test_a_budget_takes_four_statements(cast: Cast, django_assert_num_queries) -> None:
    key = make_key(cast)
    spending.set_budget(acting=cast.owner, unit="tokens", period="month", amount=10_000)
    principal = by_key(key)
    with django_assert_num_queries(5):  # savepoint, which budgets, take, note, release
        held = accounts.reserve(principal, response(principal), lambda: [{"type": "message", "content": "hello"}])
    assert held is not None
    assert 100 < held.tokens < 150


@pytest.mark.parametrize("field", ["requests_per_minute", "tokens_per_minute"])
def test_each_limit_comes_with_the_key_it_belongs_to(cast: Cast, field: str) -> None:
    """The query's columns and the models' fields are in the same order, or values would change places."""
    key = make_key(cast)
    wanted = {"requests": 11, "tokens": 22}
    spending.change_limits(acting=cast.owner, **wanted, api_key=ApiKey.objects.get())
    spending.change_limits(acting=cast.owner, requests=33, tokens=44)
    spending.change_answer_tokens(555, acting=cast.owner)
    prices.change(prices.parse('{"*": {"input": 1, "output": 2}}'), acting=cast.owner)
    principal = by_key(key)
    tenant = principal.tenant
    assert principal.api_key is not None
    assert getattr(principal.api_key, field) == wanted[field.partition("_")[0]]
    assert (tenant.requests_per_minute, tenant.tokens_per_minute, tenant.answer_tokens) == (33, 44, 555)
    assert (bool(tenant.has_budgets), tenant.prices_version) == (False, 1)
    assert Used(1_000_000).amount(prices.rate(tenant, "m")).nano == 1_000_000_000
