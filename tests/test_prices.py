"""Prices: which one holds, and what tokens cost at it, to the billionth of a dollar."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from tenants import money, prices
from tenants.models import Price, Role, Tenant
from tenants.prices import Rate
from tenants.rules import Refused
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def rate(tenant: Tenant, model: str) -> Rate | None:
    return prices.rate(Tenant.objects.get(pk=tenant.pk), model)


def own(input: str, output: str, cached: str | None = None) -> dict[str, Decimal | None]:
    return {"input": Decimal(input), "output": Decimal(output), "cached_input": Decimal(cached) if cached else None}


@pytest.mark.parametrize(
    ("tokens", "cost"),
    [
        ((0, 0, 0), "0"),
        ((1_000_000, 0, 0), "1.25"),
        ((1_000_000, 1_000_000, 0), "0.125"),
        ((1_000_000, 400_000, 200_000), "2.8"),
        ((1, 0, 0), "0.00000125"),
        ((0, 0, 1), "0.00001"),
        ((10, 20, 0), "0.00000125"),  # more cached than read: all of it was cached
    ],
)
def test_cost_adds_up(tokens: tuple[int, int, int], cost: str) -> None:
    assert money.dollars(Rate(1_250_000_000, 125_000_000, 10_000_000_000).cost(*tokens)) == cost


def test_a_part_of_a_billionth_is_rounded_up() -> None:
    assert Rate(1, 1, 1).cost(1, 0, 0) == 1
    assert Rate(1, 1, 1).cost(1_000_001, 0, 0) == 2


@pytest.mark.parametrize(
    ("amount", "told"), [(0, "0"), (money.NANO, "1"), (1, "0.000000001"), (12_340_000_000, "12.34")]
)
def test_dollars_are_exact(amount: int, told: str) -> None:
    assert money.dollars(amount) == told


@pytest.mark.parametrize(
    ("amount", "told"),
    [(0, "$0.00"), (12_340_000_000, "$12.34"), (120_000, "$0.00012"), (1, "under $0.00001"), (10**13, "$10,000.00")],
)
def test_dollars_for_people(amount: int, told: str) -> None:
    assert money.shown(amount) == told


def test_the_shipped_table_is_whole_and_dated() -> None:
    shipped = prices.shipped()
    assert len(shipped.as_of) == 7
    assert "gpt-5.5" in shipped.rates
    for model, found in shipped.rates.items():
        assert 0 <= found.cached <= found.input <= found.output, model


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4.1-2025-04-14", "openai/gpt-4.1", "openai/gpt-4.1-2025-04-14"])
def test_a_model_is_known_with_its_provider_and_its_date(cast: Cast, model: str) -> None:
    assert rate(cast.acme, model) == prices.shipped().rates["gpt-4.1"]


def test_an_unknown_model_has_no_price(cast: Cast) -> None:
    assert rate(cast.acme, "my-own") is None
    assert rate(cast.acme, "gpt-4.1-turbo") is None


def test_ones_own_price_goes_first_and_the_fallback_last(cast: Cast) -> None:
    prices.change({"gpt-4.1": own("7", "8"), "*": own("1", "2", "0.5")}, acting=cast.owner)
    assert rate(cast.acme, "gpt-4.1") == Rate(7 * money.NANO, 7 * money.NANO, 8 * money.NANO)
    assert rate(cast.acme, "gpt-4o") == prices.shipped().rates["gpt-4o"]
    assert rate(cast.acme, "my-own") == Rate(money.NANO, money.NANO // 2, 2 * money.NANO)
    prices.change({"gpt-4.1": own("1", "1")}, acting=cast.owner)
    assert rate(cast.acme, "gpt-4.1") == Rate(money.NANO, money.NANO, money.NANO)
    prices.remove("gpt-4.1", acting=cast.owner)
    assert rate(cast.acme, "gpt-4.1") == prices.shipped().rates["gpt-4.1"]


def test_a_price_holds_in_its_own_workspace_alone(cast: Cast) -> None:
    prices.change({"*": own("1", "2")}, acting=cast.owner)
    assert rate(cast.elsewhere, "my-own") is None


def test_prices_are_read_once_for_each_change(cast: Cast, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        prices.rate(cast.acme, "my-own")
    prices.change({"*": own("1", "2")}, acting=cast.owner)
    tenant = Tenant.objects.get(pk=cast.acme.pk)
    with django_assert_num_queries(1):
        prices.rate(tenant, "my-own")
    with django_assert_num_queries(0):
        prices.rate(tenant, "another")


def test_prices_load_from_json(cast: Cast) -> None:
    text = '{"a": {"input": 1.25, "cached_input": 0.125, "output": 10}, "b": {"input": 0, "output": 0.000001}}'
    prices.change(prices.parse(text), acting=cast.owner)
    assert rate(cast.acme, "a") == Rate(1_250_000_000, 125_000_000, 10_000_000_000)
    assert rate(cast.acme, "b") == Rate(0, 0, 1000)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "1", '{"a": 1}', '{"a": {"input": 1}}', '{"a": {"input": 1, "output": "x"}}',
        '{"a": {"input": 1, "output": true}}', '{"a": {"input": 1, "output": null}}',
        '{"a": {"input": NaN, "output": 1}}',
        '{"a": {"input": 1, "output": 1, "more": 1}}', "[" * 100_000,
    ],
)  # fmt: skip
def test_wrong_json_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        prices.parse(text)


@pytest.mark.parametrize("text", ['{"a": {"input": -1, "output": 1}}', '{"a": {"input": 1e30, "output": 1}}'])
def test_one_wrong_price_sets_none(cast: Cast, text: str) -> None:
    good = '{"b": {"input": 1, "output": 1}, ' + text[1:]
    with pytest.raises(Refused):
        prices.change(prices.parse(good), acting=cast.owner)
    assert not Price.objects.exists()


def test_a_member_sets_no_price(cast: Cast) -> None:
    with pytest.raises(PermissionDenied):
        prices.change({"*": own("1", "2")}, acting=cast.principal(cast.bob, Role.MEMBER))


def test_the_command_loads_all_or_nothing_and_lists(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"a": {"input": 1.25, "output": 10}, "*": {"input": 1, "cached_input": 0.5, "output": 2}}')
    call_command("prices", "load", "acme", str(file))
    call_command("prices", "list", "acme")
    assert capsys.readouterr().out == "Set 2 prices.\n*\t1\t0.5\t2\na\t1.25\t1.25\t10\n"
    file.write_text('{"b": {"input": 1, "output": 1}, "c": 1}')
    for slug, named in (("acme", str(file)), ("nowhere", str(file)), ("acme", str(tmp_path / "absent"))):
        with pytest.raises(CommandError):
            call_command("prices", "load", slug, named)
    assert Price.objects.count() == 2
