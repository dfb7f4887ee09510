"""Budgets: parallel requests never pass them, periods turn over, what is reserved is settled once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tenants import actions, budgets, spending
from tenants.access import Principal
from tenants.budgets import Amount, Exhausted
from tenants.models import ApiKey, Budget, Reservation, Role, Tenant
from tests.cast import Cast, make_cast

pytestmark = [pytest.mark.db_matrix, pytest.mark.django_db(transaction=True)]
UNITS = {"usd": Amount(100, 7), "tokens": Amount(7, 100)}  # 100 of the unit each


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time as the budgets see it: the one entry of the list."""
    moment = [datetime(2026, 1, 31, 23, 59, tzinfo=UTC)]
    monkeypatch.setattr(timezone, "now", lambda: moment[0])
    return moment


def fresh(principal: Principal) -> Principal:
    return Principal(Tenant.objects.get(pk=principal.tenant.pk), principal.role, principal.user, principal.api_key)


def budget(cast: Cast, amount: int, **options: object) -> Budget:
    kind = {"unit": "usd", "period": "month", **options}
    return spending.set_budget(acting=cast.owner, amount=amount, **kind)  # type: ignore[arg-type]


def reserve(principal: Principal, name: str, amount: Amount, host: str = "host_1") -> bool:
    with transaction.atomic():
        return budgets.reserve(principal, name, host, amount)


def state(found: Budget) -> tuple[int, int]:
    found.refresh_from_db()
    return found.spent, found.reserved


def at_once(count: int, act: Callable[[int], object]) -> int:
    """How many of so many acts at once went through, each on a connection of its own."""
    start = Barrier(count)

    def run(n: int) -> bool:
        try:
            connection.ensure_connection()
            start.wait(20)
            act(n)
        except Exhausted:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(count) as pool:
        return sum(pool.map(run, range(count)))


@pytest.mark.parametrize("unit", UNITS)
def test_fifty_at_once_never_pass_a_budget(people: Cast, unit: str) -> None:
    found = budget(people, 1234, unit=unit)
    assert at_once(50, lambda n: reserve(people.owner, f"resp_{n}", UNITS[unit])) == 12
    assert state(found) == (0, 1200)
    assert Reservation.objects.count() == 12


def test_fifty_whole_responses_at_once_never_pass_two_budgets(people: Cast) -> None:
    """Reserved, extended and settled, with the member's budget inside the workspace's: nobody waits for ever."""
    whole, own = budget(people, 2000), budget(people, 1000, user=people.bob)
    bob, alice = people.principal(people.bob), people.owner

    def respond(n: int) -> None:
        name = f"resp_{n}"
        reserve(bob if n % 2 else alice, name, Amount(100, 1))
        try:
            budgets.extend(people.acme.pk, name, Amount(150, 1))
        finally:
            budgets.settle(people.acme.pk, name, Amount(90, 1))

    at_once(50, respond)
    whole_spent, whole_reserved = state(whole)
    own_spent, own_reserved = state(own)
    assert whole_spent <= 2000
    assert own_spent <= 1000
    assert own_spent % 90 == whole_spent % 90 == 0
    assert own_spent > 0
    assert (whole_reserved, own_reserved, Reservation.objects.count()) == (0, 0, 0)


def test_one_that_does_not_fit_leaves_nothing_behind(people: Cast) -> None:
    wide = budget(people, 1000)
    budget(people, 50, user=people.alice)
    with pytest.raises(Exhausted):
        reserve(people.owner, "resp_1", Amount(100, 1))
    assert state(wide) == (0, 0)
    assert not Reservation.objects.exists()


def test_an_extension_beyond_the_budget_changes_nothing(people: Cast) -> None:
    found = budget(people, 200)
    reserve(people.owner, "resp_1", Amount(100, 1))
    budgets.extend(people.acme.pk, "resp_1", Amount(180, 1))
    budgets.extend(people.acme.pk, "resp_1", Amount(120, 1))  # it holds more already
    with pytest.raises(Exhausted):
        budgets.extend(people.acme.pk, "resp_1", Amount(201, 1))
    assert state(found) == (0, 180)


def test_a_settlement_happens_once(people: Cast) -> None:
    found = budget(people, 1000)
    reserve(people.owner, "resp_1", Amount(100, 1))
    at_once(8, lambda n: budgets.settle(people.acme.pk, "resp_1", Amount(40, 1)))
    assert state(found) == (40, 0)


def test_without_an_amount_all_that_was_reserved_is_charged(people: Cast) -> None:
    found = budget(people, 1000)
    reserve(people.owner, "resp_1", Amount(100, 1))
    budgets.settle(people.acme.pk, "resp_1", None)
    assert state(found) == (100, 0)


def test_a_model_without_a_price_costs_a_budget_in_dollars_nothing(people: Cast) -> None:
    dollars, tokens = budget(people, 100), budget(people, 100, unit="tokens")
    reserve(people.owner, "resp_1", Amount(None, 60))
    budgets.settle(people.acme.pk, "resp_1", Amount(None, 50))
    assert (state(dollars), state(tokens)) == ((0, 0), (50, 0))


def test_a_month_turns_over_and_what_runs_is_charged_to_the_new_one(people: Cast, clock: list[datetime]) -> None:
    found = budget(people, 1000)
    reserve(people.owner, "resp_1", Amount(600, 1))
    budgets.settle(people.acme.pk, "resp_1", Amount(600, 1))
    reserve(people.owner, "resp_2", Amount(400, 1))
    with pytest.raises(Exhausted):
        reserve(people.owner, "resp_3", Amount(1, 1))
    clock[0] += timedelta(minutes=2)  # February
    assert found.spent_at(clock[0]) == 0
    with pytest.raises(Exhausted):
        reserve(people.owner, "resp_3", Amount(601, 1))  # what runs is still reserved
    reserve(people.owner, "resp_3", Amount(600, 1))
    budgets.settle(people.acme.pk, "resp_2", Amount(300, 1))
    assert state(found) == (300, 600)


def test_a_clock_that_is_behind_does_not_turn_a_period_back(people: Cast, clock: list[datetime]) -> None:
    found = budget(people, 1000, period="day")
    clock[0] += timedelta(minutes=2)
    reserve(people.owner, "resp_1", Amount(900, 1))
    budgets.settle(people.acme.pk, "resp_1", Amount(900, 1))
    clock[0] -= timedelta(minutes=2)
    with pytest.raises(Exhausted):
        reserve(people.owner, "resp_2", Amount(200, 1))
    clock[0] += timedelta(minutes=2)
    assert state(found) == (900, 0)
    assert found.spent_at(clock[0]) == 900


def test_a_budget_altogether_never_turns_over(people: Cast, clock: list[datetime]) -> None:
    found = budget(people, 100, period="total")
    reserve(people.owner, "resp_1", Amount(100, 1))
    budgets.settle(people.acme.pk, "resp_1", Amount(100, 1))
    clock[0] += timedelta(days=4000)
    with pytest.raises(Exhausted):
        reserve(people.owner, "resp_2", Amount(1, 1))
    assert state(found) == (100, 0)


def test_a_budget_holds_for_its_own_workspace_key_and_member_alone(people: Cast) -> None:
    key, other = (actions.create_api_key(name, acting=people.owner)[0] for name in ("a", "b"))
    budget(people, 1, api_key=key)
    budget(people, 1, user=people.bob)

    def passes(principal: Principal) -> bool:
        try:
            reserve(principal, f"resp_{principal.actor}", Amount(100, 1))
        except Exhausted:
            return False
        return True

    def by_key(found: ApiKey) -> Principal:
        return Principal(people.acme, Role.MEMBER, people.alice, found)

    assert not passes(by_key(key))
    assert passes(by_key(other))
    assert not passes(people.principal(people.bob))
    assert not passes(Principal(people.acme, Role.MEMBER, people.bob, other))  # a member's keys are theirs
    assert passes(people.owner)
    assert passes(Principal(people.elsewhere, Role.OWNER, people.charlie))
    budget(people, 1)
    assert not passes(people.owner)
    assert passes(Principal(people.elsewhere, Role.OWNER, people.charlie))


def test_the_flag_says_whether_there_is_a_budget(people: Cast) -> None:
    assert not fresh(people.owner).tenant.has_budgets
    found = budget(people, 100)
    assert fresh(people.owner).tenant.has_budgets
    assert not Tenant.objects.get(pk=people.elsewhere.pk).has_budgets
    spending.remove_budget(found, acting=people.owner)
    assert not fresh(people.owner).tenant.has_budgets


def test_the_sentence_says_whose_budget_it_is_and_who_can_raise_it(people: Cast) -> None:
    budget(people, 12_340_000_000)
    with pytest.raises(Exhausted) as refused:
        reserve(people.owner, "resp_1", Amount(13_000_000_000, 1))
    assert refused.value.sentence == (
        "The workspace's budget of $12.34 a month has not enough left for this request. "
        "An owner or an admin of the workspace can raise it under Spend."
    )
