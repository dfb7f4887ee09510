"""The console's pages on spend and usage: what they show, what they set, and for whom."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants import actions, spending
from tenants import usage as sums
from tenants.access import Principal
from tenants.models import ApiKey, AuditRow, Budget, Price, Role, Tenant
from tenants.money import NANO
from tenants.usage import Place, Sums
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(cast: Cast, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def page(client: Client, name: str, *args: object, **query: str) -> str:
    answer = client.get(reverse(name, args=["acme", *args]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def send(client: Client, name: str, *args: object, **form: str) -> str:
    answer = client.post(reverse(name, args=["acme", *args]), form, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def use(cast: Cast, tenant: Tenant | None = None, **changes: object) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    place = Place((tenant or cast.acme).pk, hour, 0, cast.bob.pk, "gpt-5.5", "browser")._replace(**changes)  # type: ignore[arg-type]
    sums.write([(place, Sums(3, 1200, 200, 34, 2 * NANO, 0))])


def test_a_budget_is_set_changed_and_removed(cast: Cast, alice: Client) -> None:
    assert "No budgets" in page(alice, "spend")
    shown = send(alice, "spend", whose=f"member {cast.bob.pk}", amount="12.5", unit="usd", period="month")
    assert "The budget holds from the next request on." in shown
    assert "bob@example.com" in shown
    assert "$12.50" in shown
    found = Budget.objects.get()
    assert (found.amount, found.user, found.tenant) == (12_500_000_000, cast.bob, cast.acme)
    assert "$20.00" in send(alice, "budget", found.pk, amount="20")
    assert "Nothing holds requests back" in page(alice, "budget_remove", found.pk)
    assert "No budgets" in send(alice, "budget_remove", found.pk)
    verbs = AuditRow.objects.filter(verb__startswith="budget.").order_by("n").values_list("verb", flat=True)
    assert list(verbs) == ["budget.set", "budget.change", "budget.remove"]


def test_a_month_begins_with_what_was_used_of_it(cast: Cast, alice: Client) -> None:
    use(cast)
    send(alice, "spend", whose="tenant", amount="5", unit="usd", period="month")
    send(alice, "spend", whose=f"member {cast.bob.pk}", amount="5000", unit="tokens", period="day")
    send(alice, "spend", whose=f"member {cast.alice.pk}", amount="5000", unit="tokens", period="day")
    send(alice, "spend", whose="tenant", amount="5", unit="usd", period="total")
    assert list(Budget.objects.order_by("pk").values_list("spent", flat=True)) == [2 * NANO, 1234, 0, 0]


@pytest.mark.parametrize("amount", ["0", "-1", "1000001", "x", "1e99", ""])
def test_an_amount_that_is_none_is_refused(cast: Cast, alice: Client, amount: str) -> None:
    send(alice, "spend", whose="tenant", amount=amount, unit="usd", period="month")
    assert not Budget.objects.exists()


def test_a_second_budget_of_a_kind_is_refused(cast: Cast, alice: Client) -> None:
    for _ in range(2):
        shown = send(alice, "spend", whose="tenant", amount="5", unit="usd", period="month")
    assert "There is a budget of this kind already." in shown
    assert Budget.objects.count() == 1


def test_a_budget_of_somebody_elses_key_or_member_cannot_be_set(cast: Cast, alice: Client) -> None:
    theirs = actions.create_api_key("theirs", acting=Principal(cast.elsewhere, Role.OWNER, cast.charlie))[0]
    for whose in (f"key {theirs.pk}", f"member {cast.charlie.pk}", "key", "member x"):
        send(alice, "spend", whose=whose, amount="5", unit="usd", period="month")
    assert not Budget.objects.exists()


def test_who_is_over_is_said_in_words(cast: Cast, alice: Client) -> None:
    for user, spent in ((cast.bob, 100), (cast.dave, 85), (cast.alice, 10)):
        made = spending.set_budget(acting=cast.owner, unit="tokens", period="month", amount=100, user=user)
        Budget.objects.filter(pk=made.pk).update(spent=spent)
    shown = page(alice, "spend")
    assert shown.index("Used up") < shown.index("Nearly used") < shown.index("10 %")


def test_models_without_a_price_are_named_where_dollars_are_counted(cast: Cast, alice: Client) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    sums.write([(Place(cast.acme.pk, hour, 0, 0, "my-llama", "api"), Sums(1, 1, 0, 1, 0, 1))])
    assert "my-llama" not in page(alice, "spend")
    send(alice, "spend", whose="tenant", amount="5", unit="usd", period="month")
    assert "my-llama" in page(alice, "spend")
    send(alice, "prices", model="*", input="1", output="2")
    assert "my-llama" not in page(alice, "spend")


def test_limits_of_the_workspace_and_of_a_key(cast: Cast, alice: Client) -> None:
    key = actions.create_api_key("nightly", acting=cast.owner)[0]
    send(alice, "spend_limits", requests="60", tokens="", answer_tokens="4000")
    assert "1,234 requests a minute" not in page(alice, "keys")
    assert "1,234" in send(alice, "key_limits", key.pk, requests="1234", tokens="99")
    tenant, key = Tenant.objects.get(pk=cast.acme.pk), ApiKey.objects.get(pk=key.pk)
    assert (tenant.requests_per_minute, tenant.tokens_per_minute, tenant.answer_tokens) == (60, None, 4000)
    assert (key.requests_per_minute, key.tokens_per_minute) == (1234, 99)
    assert "at most 1,234 requests, 99 tokens a minute" in page(alice, "keys")
    send(alice, "key_limits", key.pk, requests="", tokens="")
    key.refresh_from_db()
    assert key.requests_per_minute is None


def test_keys_show_what_they_used_this_month(cast: Cast, alice: Client) -> None:
    key = actions.create_api_key("nightly", acting=cast.owner)[0]
    use(cast, key=key.pk)
    shown = page(alice, "keys")
    assert "1,234 tokens" in shown
    assert "$2.00" in shown


def test_prices_are_set_loaded_and_taken_back(cast: Cast, alice: Client) -> None:
    assert "No prices of your own" in page(alice, "prices")
    send(alice, "prices", model="mine", input="3", cached_input="0.3", output="12.5")
    shown = send(alice, "prices_load", text='{"other": {"input": 1, "output": 2}, "*": {"input": 5, "output": 6}}')
    assert "2 prices set." in shown
    assert "every model without a price" in shown
    assert "12.5<" in shown
    assert "This is not JSON." in send(alice, "prices_load", text="{")
    for price in Price.objects.all():
        send(alice, "price_remove", price.pk)
    assert "No prices of your own" in page(alice, "prices")


def test_usage_shows_a_chart_with_its_table_and_exports(cast: Cast, alice: Client) -> None:
    assert "Nothing was used in these days" in page(alice, "usage")
    use(cast)
    shown = page(alice, "usage")
    assert shown.count('class="chart-bar"') == 30
    assert "Cost a day, in US dollars" in shown
    assert "The days as a table" in shown
    assert "By member" in shown
    assert "Tokens a day" in page(alice, "usage", show="tokens")
    answer = alice.get(reverse("usage_export", args=["acme"]))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[1].endswith(",bob@example.com,,gpt-5.5,browser,3,1200,200,34,2,0")


@pytest.mark.parametrize(
    ("since", "until"), [("2026-02-01", "2026-01-01"), ("2020-01-01", "2026-01-01"), ("x", "y"), ("", "")]
)
def test_a_range_that_is_none_shows_the_last_days_and_says_so(
    cast: Cast, alice: Client, since: str, until: str
) -> None:
    use(cast)
    shown = page(alice, "usage", since=since, until=until)
    assert "errorlist" in shown or "Choose a first day" in shown
    assert "1,234" in shown


def test_a_member_sees_their_own_usage_alone(cast: Cast, client: Client) -> None:
    use(cast)
    use(cast, member=cast.alice.pk)
    client.force_login(cast.bob)
    shown = page(client, "usage")
    assert "1,234" in shown
    assert "2,468" not in shown
    assert "alice@example.com" not in shown
    assert "By member" not in shown
    assert client.get(reverse("spend", args=["acme"])).status_code == 403


def test_another_workspaces_usage_and_budgets_are_absent(cast: Cast, client: Client) -> None:
    use(cast)
    found = spending.set_budget(acting=cast.owner, unit="tokens", period="month", amount=100)
    client.force_login(cast.charlie)
    answer = client.get(reverse("usage", args=["elsewhere"]))
    assert "Nothing was used in these days" in answer.content.decode()
    assert client.get(reverse("budget", args=["elsewhere", found.pk])).status_code == 404
    assert client.post(reverse("budget_remove", args=["elsewhere", found.pk])).status_code == 404
