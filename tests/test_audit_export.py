"""The audit trail as a file: complete, filtered, streamed; what its chain needs; no formula for a spreadsheet."""

import csv
import hmac
import io
import json
from hashlib import sha256
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.http import Http404
from django.test import AsyncClient, Client
from django.urls import reverse

from tenants import audit, audit_export, audit_heads
from tenants.audit_export import Export
from tenants.audit_rows import Wanted
from tenants.models import AuditRow, Membership
from tests.cast import Cast, make_cast
from vault import audit_keys

EVERYTHING = Wanted()


@pytest.fixture
def cast(cast: Cast) -> Cast:
    for n in range(25):
        audit.record(cast.acme, "tool.call", actor="worker", subject=f"call {n}", detail={"n": n, "word": "ü\n"})
    return cast


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_export, "CHUNK", 10)


def exported(cast: Cast, kind: str, wanted: Wanted = EVERYTHING) -> str:
    return "".join(Export(cast.acme, wanted, kind).pieces())


def as_json(text: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(text)
    return made


def as_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.usefixtures("small")
def test_json_holds_all_that_the_chain_is_computed_from(cast: Cast) -> None:
    told = as_json(exported(cast, "json"))
    assert told["format"] == "deny-web/audit/1"
    prev_hash = "0" * 64
    for n, row in enumerate(told["rows"], start=1):
        assert (row["n"], row["prev_hash"]) == (n, prev_hash)
        fields = [told["workspace"]["id"], n, *(row[name] for name in ("at", "actor", "verb", "subject", "detail"))]
        message = json.dumps([*fields, prev_hash], sort_keys=True, separators=(",", ":")).encode()
        prev_hash = hmac.new(audit_keys.audit_key(row["key_id"]), message, sha256).hexdigest()
        assert row["hash"] == prev_hash
    assert len(told["rows"]) == 26
    assert told["head"] == {"n": 26, "hash": prev_hash, "key_id": told["rows"][-1]["key_id"]}
    assert prev_hash == audit_heads.head(cast.acme).hash


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20])
def test_no_border_of_a_piece_loses_or_doubles_a_row(count: int, cast: Cast) -> None:
    for n in range(count):
        audit.record(cast.acme, "odd", actor="worker", subject=f"{n}")
    for rows in (as_json(exported(cast, "json", Wanted("odd")))["rows"], as_csv(exported(cast, "csv", Wanted("odd")))):
        assert [row["subject"] for row in rows] == [str(n) for n in range(count)]


def test_csv_holds_the_same_rows(cast: Cast) -> None:
    rows, same = as_csv(exported(cast, "csv")), as_json(exported(cast, "json"))["rows"]
    assert [row["hash"] for row in rows] == [row["hash"] for row in same]
    assert json.loads(rows[-1]["detail"]) == same[-1]["detail"]


@pytest.mark.parametrize(
    "text", ["=1+2", '+cmd|" /C calc"!A0', "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x")']
)
def test_no_cell_begins_a_formula(text: str, cast: Cast) -> None:
    audit.record(cast.acme, text[:50], actor=text, subject=text, detail={text: text})
    row = as_csv(exported(cast, "csv"))[-1]
    assert row["subject"] == f"'{text}"
    assert all(cell[:1] not in "=+-@\t\r\n" for cell in row.values())
    assert as_json(exported(cast, "json"))["rows"][-1]["subject"] == text  # as it was hashed


def test_a_row_that_is_written_meanwhile_is_left_for_the_next(cast: Cast, small: None) -> None:
    pieces = Export(cast.acme, EVERYTHING, "csv").pieces()
    text = next(pieces) + next(pieces)
    audit.record(cast.acme, "late", actor="worker")
    assert [int(row["n"]) for row in as_csv(text + "".join(pieces))] == list(range(1, 27))


def test_another_workspaces_rows_stay_out(cast: Cast) -> None:
    audit.record(cast.elsewhere, "theirs", actor="charlie")
    assert "theirs" not in exported(cast, "csv")


def test_the_command_exports_and_says_so_in_the_trail(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit", "export", "acme", "--verb", "tool.call", "--subject", "CALL 2")
    told = as_json(capsys.readouterr().out)
    assert [row["subject"] for row in told["rows"]] == ["call 2", *(f"call {n}" for n in range(20, 25))]
    assert told["filter"] == {"verb": "tool.call", "subject": "CALL 2"}
    last = AuditRow.objects.for_tenant(cast.acme).order_by("n").last()
    assert (last.verb, last.actor, last.n) == ("audit.export", "operator", told["head"]["n"])
    assert last.detail == {"format": "json", "verb": "tool.call", "subject": "CALL 2"}
    assert audit.verify(cast.acme).fault is None


@pytest.fixture
def written(transactional_db: None) -> Cast:
    """The cast as other threads see it, which do the page's reading."""
    cast = make_cast()
    for n in range(25):
        audit.record(cast.acme, "tool.call", actor="worker", subject=f"call {n}")
    return cast


async def download(cast: Cast, **fields: str) -> tuple[Any, str]:
    client = AsyncClient()
    await client.aforce_login(cast.alice)
    response: Any = await client.post(reverse("audit_export", args=["acme"]), fields)
    return response, "".join([piece.decode() async for piece in response.streaming_content])


@pytest.mark.usefixtures("small")
async def test_the_page_streams_a_file(written: Cast) -> None:
    response, text = await download(written, format="json")
    assert response.headers["Content-Disposition"].startswith('attachment; filename="audit-acme-')
    assert "no-store" in response.headers["Cache-Control"]
    rows = as_json(text)["rows"]
    assert len(rows) == 27
    assert (rows[-1]["verb"], rows[-1]["actor"]) == ("audit.export", "alice@example.com")
    response, text = await download(written, format="csv", verb="tool.call", subject="call 1")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [row["subject"] for row in as_csv(text)] == ["call 1", *(f"call {n}" for n in range(10, 20))]


def test_who_may_export(cast: Cast, client: Client) -> None:
    address = reverse("audit_export", args=["acme"])
    for person, status in ((cast.charlie, 404), (cast.dave, 403), (cast.bob, 403)):
        client.force_login(person)
        assert client.post(address).status_code == status
    client.force_login(cast.alice)
    assert client.get(address).status_code == 405
    guarded = Client(enforce_csrf_checks=True)
    guarded.force_login(cast.alice)
    assert guarded.post(address).status_code == 403
    assert not AuditRow.objects.filter(verb="audit.export").exists()


@pytest.mark.usefixtures("small")
async def test_a_download_ends_with_its_readers_right(written: Cast) -> None:
    client = AsyncClient()
    await client.aforce_login(written.alice)
    response: Any = await client.post(reverse("audit_export", args=["acme"]), {"format": "csv"})
    pieces = response.streaming_content
    await anext(pieces)
    await anext(pieces)
    await Membership.objects.filter(user=written.alice).adelete()
    with pytest.raises((Http404, PermissionDenied)):
        await anext(pieces)
