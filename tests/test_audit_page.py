"""The audit page: what it finds, what it costs at any depth, who may read it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenants import audit, audit_heads
from tenants.models import AuditRow, Tenant
from tests.cast import Cast

ADDRESS = "/t/acme/console/audit/"
DAY = datetime(2026, 3, 5, tzinfo=UTC)


@pytest.fixture
def cast(cast: Cast) -> Cast:
    """The cast, with rows on three days at midnight, at noon, and in the last microsecond."""
    AuditRow.objects.for_tenant(cast.acme).update(at=DAY - timedelta(days=9))
    moments = (timedelta(0), timedelta(hours=12), timedelta(days=1) - timedelta(microseconds=1))
    for day in range(3):
        for n, moment in enumerate(moments):
            row = audit.record(cast.acme, "vault.write", actor=f"{'Alice' if n else 'worker'} {day}", subject=f"x{n}")
            AuditRow.objects.filter(pk=row.pk).update(at=DAY + timedelta(days=day) + moment)
    return cast


@pytest.fixture
def page(cast: Cast, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def found(page: Client, **asked: str | int) -> list[int]:
    response = page.get(ADDRESS, asked)
    assert response.status_code == 200
    return [row.n for row in response.context["rows"]]


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ({}, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ({"verb": "vault.write", "actor": "ALICE"}, [10, 9, 7, 6, 4, 3]),
        ({"actor": "worker 1"}, [5]),
        ({"subject": "X2"}, [10, 7, 4]),
        ({"since": "2026-03-06"}, [10, 9, 8, 7, 6, 5]),
        ({"until": "2026-03-05"}, [4, 3, 2, 1]),
        ({"since": "2026-03-06", "until": "2026-03-06"}, [7, 6, 5]),
        ({"since": "2026-03-07", "until": "2026-03-05"}, []),
        ({"until": "9999-12-31"}, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ({"since": "no day", "before": "no number"}, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ({"actor": "%"}, []),  # a character like any other
        ({"verb": "vault.write", "before": 4}, [3, 2]),
    ],
)
def test_a_filter_finds_its_rows(asked: dict[str, str | int], rows: list[int], page: Client) -> None:
    assert found(page, **asked) == rows


def test_links_and_the_export_keep_the_filter(page: Client, cast: Cast) -> None:
    for _ in range(51):
        audit.record(cast.acme, "vault.write", actor='o"hara & sons', subject="<i>x</i>")
    text = page.get(ADDRESS, {"actor": 'O"Hara & S', "since": "2026-03-05"}).content.decode()
    assert 'href="?actor=O%22Hara+%26+S&amp;since=2026-03-05&amp;before=' in text
    assert '<input type="hidden" name="actor" value="O&quot;Hara &amp; S">' in text
    assert '<input type="hidden" name="since" value="2026-03-05">' in text
    assert "<i>x" not in text


def test_the_head_is_there_to_copy(page: Client, cast: Cast) -> None:
    assert f'data-copy="{audit_heads.head(cast.acme)}"' in page.get(ADDRESS).content.decode().replace("&#x27;", "'")


@pytest.mark.parametrize(("name", "status"), [("charlie", 404), ("dave", 403), ("bob", 403), ("erin", 200)])
def test_who_may_read(name: str, status: int, cast: Cast, client: Client) -> None:
    client.force_login(getattr(cast, name))
    assert client.get(reverse("audit", args=["acme"])).status_code == status


def fill(tenant: Tenant, count: int) -> None:
    """Rows behind those that are there; their hashes are of no matter here."""
    first = audit_heads.head(tenant).n + 1
    rows = [
        AuditRow(tenant=tenant, n=n, at=DAY + timedelta(minutes=n), actor="worker", verb="tool.call", key_id=1)
        for n in range(first, first + count)
    ]
    AuditRow.objects.bulk_create(rows)
    Tenant.objects.filter(pk=tenant.pk).update(audit_head=first + count - 1)


def test_ten_thousand_rows_are_walked_by_number_and_never_counted_or_skipped(page: Client, cast: Cast) -> None:
    fill(cast.acme, 10_000)
    costs = []
    for before in (0, 9_000, 5_000, 60):
        with CaptureQueriesContext(connection) as queries:
            rows = found(page, **({"before": before} if before else {}))
        assert rows == sorted(rows, reverse=True)
        assert len(rows) == 50
        costs.append(len(queries))
        text = " ".join(query["sql"] for query in queries if "audit" in query["sql"])
        assert "COUNT(" not in text
        assert "OFFSET" not in text
    assert len(set(costs)) == 1


def test_a_day_of_long_ago_is_found_in_ten_thousand_rows(page: Client, cast: Cast) -> None:
    fill(cast.acme, 10_000)
    assert found(page, until=date(2026, 3, 4).isoformat()) == [1]


def test_a_rows_detail_reads_as_words(cast: Cast, page: Client) -> None:
    detail = {"models": ["a", "*"], "stopped": False, "detail": "", "places": {"prompt": True, "results": []}}
    audit.record(cast.acme, "price.change", actor="worker", detail=detail)
    told = [("models", "a, *"), ("places", "prompt yes"), ("stopped", "no")]
    assert AuditRow.objects.latest("n").told == told
    text = page.get(ADDRESS).content.decode()
    assert "a, *" in text
    assert "[&#x27;a&#x27;" not in text
