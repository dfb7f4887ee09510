"""The audit trail: numbered, chained, append-only; every tampering is seen."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from tenants import audit
from tenants.models import AuditRow, Tenant
from tests.cast import Cast, make_cast


@pytest.fixture
def cast(cast: Cast) -> Cast:
    """The cast, with six calls in the trail."""
    for n in range(6):
        audit.record(cast.acme, "tool.call", actor="worker", subject=f"call {n}", detail={"status": 200, "n": n})
    return cast


def test_rows_are_numbered_and_hold(cast: Cast) -> None:
    rows = list(AuditRow.objects.for_tenant(cast.acme).order_by("n"))
    assert [row.n for row in rows] == list(range(1, 8))
    assert (rows[0].verb, rows[0].prev_hash) == ("tenant.create", audit.START)
    assert audit.verify(cast.acme) == audit.Verdict(7, rows[-1].hash, None)


@pytest.mark.parametrize(
    "edit",
    [
        {"verb": "vault.unlock"},
        {"subject": "another"},
        {"actor": "operator"},
        {"detail": {"status": 500, "n": 2}},
        {"hash": "0" * 64},
        {"prev_hash": "0" * 64},
        {"n": 1000},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_edit_is_seen(edit: dict[str, object], cast: Cast) -> None:
    AuditRow.objects.for_tenant(cast.acme).filter(n=4).update(**edit)
    verdict = audit.verify(cast.acme)
    assert verdict.rows == 3
    assert verdict.fault


def test_changed_time_is_seen(cast: Cast) -> None:
    row = AuditRow.objects.for_tenant(cast.acme).get(n=4)
    AuditRow.objects.filter(pk=row.pk).update(at=row.at + timedelta(microseconds=1))
    assert audit.verify(cast.acme).fault == "Row 4 was changed."


@pytest.mark.parametrize(("gone", "fault"), [(1, "Row 1"), (4, "Row 4"), (7, "Rows 7 to 7")])
def test_deletion_is_seen(gone: int, fault: str, cast: Cast) -> None:
    AuditRow.objects.for_tenant(cast.acme).filter(n=gone).delete()
    found = audit.verify(cast.acme).fault
    assert found
    assert found.startswith(fault)


def test_deletion_of_the_last_row_is_still_seen_after_the_next(cast: Cast) -> None:
    AuditRow.objects.for_tenant(cast.acme).filter(n=7).delete()
    audit.record(cast.acme, "tool.call", actor="worker")
    assert audit.verify(cast.acme).fault == "Row 7 is missing."


def test_exchanged_rows_are_seen(cast: Cast) -> None:
    rows = AuditRow.objects.for_tenant(cast.acme)
    rows.filter(n=3).update(n=100)
    rows.filter(n=4).update(n=3)
    rows.filter(n=100).update(n=4)
    assert audit.verify(cast.acme).rows == 2


def test_row_of_another_workspace_does_not_fit(cast: Cast) -> None:
    theirs = AuditRow.objects.for_tenant(cast.elsewhere).get(n=1)
    AuditRow.objects.for_tenant(cast.acme).filter(n=1).delete()
    AuditRow.objects.filter(pk=theirs.pk).update(tenant=cast.acme)
    assert audit.verify(cast.acme).fault == "Row 1 was changed."


def test_odd_text_is_kept_and_holds(cast: Cast) -> None:
    audit.record(cast.acme, "odd", actor="\ud800 worker", subject="a\0b" + "x" * 900, detail={"k\0": "\ud800\0 ü"})
    row = AuditRow.objects.for_tenant(cast.acme).order_by("n").last()
    assert row is not None
    assert len(row.subject) == 600
    assert "\0" not in row.subject + str(row.detail)
    assert audit.verify(cast.acme).fault is None


def test_act_without_its_row_is_undone(cast: Cast) -> None:
    def act() -> None:
        with transaction.atomic():
            Tenant.objects.filter(pk=cast.acme.pk).update(name="Changed")
            audit.record(cast.acme, "tenant.change", actor="operator", detail={"not json": object()})

    with pytest.raises(TypeError):
        act()
    cast.acme.refresh_from_db()
    assert cast.acme.name == "Acme"
    assert audit.verify(cast.acme).rows == 7


def test_row_of_an_undone_act_leaves_no_gap(cast: Cast) -> None:
    def act() -> None:
        with transaction.atomic():
            audit.record(cast.acme, "tenant.change", actor="operator")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        act()
    audit.record(cast.acme, "tenant.change", actor="operator")
    assert audit.verify(cast.acme) == audit.Verdict(8, AuditRow.objects.for_tenant(cast.acme).get(n=8).hash, None)


def test_verify_command_says_what_holds(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit", "verify")
    assert "acme: 7 rows hold, head " in capsys.readouterr().out
    AuditRow.objects.for_tenant(cast.acme).filter(n=2).update(verb="x")
    with pytest.raises(CommandError):
        call_command("audit", "verify", "acme")
    with pytest.raises(CommandError):
        call_command("audit", "verify", "nowhere")


def test_page_filters_and_pages(cast: Cast, client: Client) -> None:
    for _ in range(60):
        audit.record(cast.acme, "vault.write", actor="worker", subject="<b>label</b>")
    client.force_login(cast.alice)
    url = reverse("audit", args=["acme"])
    page = client.get(url)
    assert [row.n for row in page.context["rows"]] == list(range(67, 17, -1))
    assert b"<b>label" not in page.content
    older = client.get(url, {"before": page.context["older"], "verb": "vault.write"})
    assert [row.n for row in older.context["rows"]] == list(range(17, 7, -1))
    assert client.get(url, {"before": "x", "verb": "none"}).status_code == 200


@pytest.mark.db_matrix
@pytest.mark.django_db(transaction=True)
def test_acts_at_once_are_numbered_without_gap_or_fork() -> None:
    cast = make_cast()

    def act(n: int) -> None:
        try:
            with transaction.atomic():
                audit.record(cast.acme, "tool.call", actor=f"worker {n}")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(80)))
    assert audit.verify(cast.acme).fault is None
    assert AuditRow.objects.for_tenant(cast.acme).count() == 81
