"""Usage is added up by the hour, once, across processes and crashes; each sees what is theirs."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from chat import accounts, usage
from chat.accounts import Account, Used
from chat.models import Door, Response, Status
from chat.params import MAX_TOKENS
from deny_web import db
from tenants import actions, money, usage_report
from tenants import usage as sums
from tenants.models import Role, Tenant, UsageHour
from tenants.prices import Rate
from tenants.usage import Place, Sums
from tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db
HOUR = datetime(2026, 3, 4, 5, tzinfo=UTC)


def place(tenant: Tenant, **changes: object) -> Place:
    return Place(tenant.pk, HOUR, 0, 0, "m", "api")._replace(**changes)  # type: ignore[arg-type]


def test_the_same_hour_is_added_to(cast: Cast) -> None:
    sums.write([(place(cast.acme), Sums(1, 10, 5, 2, 100, 0))])
    sums.write([(place(cast.acme), Sums(2, 1, 1, 1, 1, 1)), (place(cast.acme, model="n"), Sums(1, 1, 1, 1, 1, 0))])
    row = UsageHour.objects.get(model="m")
    assert (row.responses, row.input_tokens, row.cached_tokens, row.output_tokens, row.cost) == (3, 11, 6, 3, 101)
    assert row.unpriced == 1
    assert row.hour == HOUR
    assert UsageHour.objects.count() == 2


def test_many_rows_go_in_few_statements(cast: Cast, django_assert_max_num_queries) -> None:
    rows = [(place(cast.acme, key=n), Sums(1, 1, 1, 1, 1, 1)) for n in range(1000)]
    with django_assert_max_num_queries(8):
        sums.write(rows)
    assert UsageHour.objects.count() == 1000


@pytest.mark.django_db(transaction=True)
def test_a_workspace_that_is_gone_takes_no_other_with_it() -> None:
    cast = make_cast()
    gone = Place(cast.elsewhere.pk, HOUR, 0, 0, "m", "api")
    cast.elsewhere.delete()
    sums.write([(gone, Sums(1)), (place(cast.acme), Sums(1))])
    assert UsageHour.objects.get().tenant_id == cast.acme.pk


def response(cast: Cast, **fields: object) -> Response:
    long_ago = timezone.now() - timedelta(hours=2)
    start = {"tenant": cast.acme, "user": cast.alice, "door": Door.API, "status": Status.COMPLETED, "request": {}}
    told = {"model": "gpt-4.1", "usage": {"input_tokens": 1_000_000, "output_tokens": 0}, "ended_at": long_ago}
    return Response.objects.create(**(start | told | fields))


def test_what_a_killed_process_did_not_count_is_counted_once_in_its_hour(cast: Cast) -> None:
    row = response(cast)
    response(cast, counted=True)
    response(cast, ended_at=timezone.now())  # its process may be about to
    response(cast, usage=None)
    usage.count_left()
    usage.count_left()
    found = UsageHour.objects.get()
    assert (found.responses, found.cost, found.member, found.model) == (1, 2_000_000_000, cast.alice.pk, "gpt-4.1")
    assert found.hour == row.ended_at.replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def pooled(transactional_db: None) -> Cast:
    return make_cast()


async def test_a_batch_is_written_and_counted_rows_are_not_twice(pooled: Cast) -> None:
    mine, theirs = await db.run(response, pooled), await db.run(response, pooled, counted=True)
    collector = usage.Collector()
    account = Account(pooled.alice.pk, None, "m", None, used=Used(10, 4, 2))
    for response_id in ("", "", mine.pk, theirs.pk, "resp_deleted_meanwhile"):
        collector.count(pooled.acme.pk, account, "api", response_id)
    await collector.flush()
    row = await db.run(UsageHour.objects.get)
    assert (row.responses, row.input_tokens, row.unpriced) == (4, 40, 4)
    assert (await db.run(Response.objects.get, pk=mine.pk)).counted


def test_usage_that_is_no_usage_counts_as_none() -> None:
    assert accounts.used({"input_tokens": "9", "output_tokens": True, "input_tokens_details": []}) == Used()
    assert accounts.used({"input_tokens": -1, "output_tokens": 3.5}) == Used()
    assert accounts.used(None) == Used()


def test_usage_beyond_any_model_s_is_held_to_what_the_database_takes(cast: Cast) -> None:
    told = accounts.used({"input_tokens": 10**30, "output_tokens": 2**64 - 1})
    assert told == Used(MAX_TOKENS, 0, MAX_TOKENS)
    dear = Rate(10**15, 10**15, 10**15)  # the highest price that can be set
    assert told.amount(dear).nano == money.MOST
    sums.write([(place(cast.acme), Sums(1, told.input, 0, told.output, money.MOST))])
    assert UsageHour.objects.get().cost == money.MOST


async def test_one_workspace_s_usage_that_cannot_be_written_costs_no_other_its_own(pooled: Cast) -> None:
    counted = usage.Collector()
    for tenant, tokens in ((pooled.acme, 2**80), (pooled.elsewhere, 3)):
        counted.count(tenant.pk, Account(model="m", used=Used(tokens, 0, 0)), Door.API, "")
    await counted.flush()
    rows = await db.run(lambda: list(UsageHour.objects.values_list("tenant_id", "input_tokens")))
    assert rows == [(pooled.elsewhere.pk, 3)]


def test_members_see_their_own_and_admins_all(cast: Cast) -> None:
    for tokens, user in ((1, cast.alice), (2, cast.bob)):
        sums.write([(place(cast.acme, member=user.pk), Sums(1, tokens))])
    sums.write([(place(cast.elsewhere, member=cast.bob.pk), Sums(1, 4, 0, 0, 0, 0))])
    day = HOUR.date()

    def seen(user: object) -> int:
        found = usage_report.rows(cast.principal(user), day, day)  # type: ignore[arg-type]
        return usage_report.total(found).tokens

    assert {name: seen(getattr(cast, name)) for name in ("alice", "erin", "bob", "dave")} == {
        "alice": 3,
        "erin": 3,
        "bob": 2,
        "dave": 0,
    }


def test_days_are_whole_days_of_utc(cast: Cast) -> None:
    for day, hour in ((1, 0), (1, 23), (2, 0)):
        sums.write([(place(cast.acme, hour=datetime(2026, 3, day, hour, tzinfo=UTC)), Sums(1))])
    found = usage_report.rows(cast.owner, date(2026, 3, 1), date(2026, 3, 1))
    assert usage_report.total(found).responses == 2
    found = usage_report.rows(cast.owner, date(2026, 2, 28), date(2026, 3, 2))
    days = usage_report.by_day(found, date(2026, 2, 28), date(2026, 3, 2))
    assert [(day.name, day.responses) for day in days] == [("2026-02-28", 0), ("2026-03-01", 2), ("2026-03-02", 1)]


def test_csv_has_no_formula_in_it(cast: Cast) -> None:
    key = actions.create_api_key("=HYPERLINK(1)", acting=cast.owner, role=Role.MEMBER)[0]
    sums.write([(place(cast.acme, key=key.pk, member=cast.alice.pk, model="@m"), Sums(1, 1, 0, 1, 5, 0))])
    head, line = usage_report.as_csv(usage_report.rows(cast.owner, HOUR.date(), HOUR.date()), cast.owner)
    assert head.startswith("day,member,key,model,door,responses,")
    assert line == f"2026-03-04,alice@example.com,'=HYPERLINK(1) (dw_{key.prefix}),'@m,api,1,1,0,1,0.000000005,0\r\n"
