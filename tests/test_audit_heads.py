"""Anchored heads: what the chain cannot show by itself, a head that was noted elsewhere does."""

import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from tenants import audit, audit_heads, tasks
from tenants.audit_heads import Anchor, BadAnchor
from tenants.models import AuditRow, Tenant
from tests.cast import Cast
from vault import audit_keys

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def file(settings: LazySettings, tmp_path: Path) -> Path:
    settings.AUDIT_HEADS = tmp_path / "audit-heads.log"
    return tmp_path / "audit-heads.log"


@pytest.fixture
def cast(cast: Cast) -> Cast:
    for n in range(6):
        audit.record(cast.acme, "tool.call", actor="worker", subject=f"call {n}", detail={"n": n})
    return cast


def recompute(tenant: Tenant) -> None:
    """What somebody with the database and the stolen server keys does after an edit: the whole chain anew."""
    prev_hash, n = audit.START, 0
    for row in list(AuditRow.objects.for_tenant(tenant).order_by("n")):
        n += 1
        at = row.at.astimezone(UTC).isoformat()
        fields = [tenant.pk.hex, n, at, row.actor, row.verb, row.subject, row.detail, prev_hash]
        message = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
        made = hmac.new(audit_keys.audit_key(row.key_id), message, sha256).hexdigest()
        AuditRow.objects.filter(pk=row.pk).update(n=n, prev_hash=prev_hash, hash=made)
        prev_hash = made
    Tenant.objects.filter(pk=tenant.pk).update(audit_head=n)


def change(tenant: Tenant) -> None:
    AuditRow.objects.for_tenant(tenant).filter(n=4).update(subject="another")


def remove(tenant: Tenant) -> None:
    AuditRow.objects.for_tenant(tenant).filter(n=4).delete()


def exchange(tenant: Tenant) -> None:
    rows = AuditRow.objects.for_tenant(tenant)
    for old, new in ((3, 100), (4, 3), (100, 4)):
        rows.filter(n=old).update(n=new)


def cut_off(tenant: Tenant) -> None:
    AuditRow.objects.for_tenant(tenant).filter(n__gt=5).delete()


@pytest.mark.parametrize("attack", [change, remove, exchange, cut_off])
def test_a_chain_that_was_computed_anew_holds_by_itself_and_not_against_its_anchor(
    attack: Callable[[Tenant], None], cast: Cast
) -> None:
    anchor = audit_heads.head(cast.acme)
    attack(cast.acme)
    assert audit.verify(cast.acme).fault  # without the keys it is seen without an anchor
    recompute(cast.acme)
    assert audit.verify(cast.acme).fault is None  # the attack works
    assert audit.verify(cast.acme, [anchor]).fault


def test_a_trail_that_went_on_still_holds_against_older_anchors(cast: Cast) -> None:
    anchors = []
    for n in range(3):
        anchors.append(audit_heads.head(cast.acme))
        audit.record(cast.acme, "tool.call", actor="worker", subject=f"later {n}")
    assert audit.verify(cast.acme, anchors).fault is None
    assert audit.verify(cast.acme, [*anchors, Anchor(anchors[0].n, "0" * 64)]).rows == anchors[0].n - 1


def test_a_trail_that_was_put_back_to_an_earlier_day_is_seen(cast: Cast) -> None:
    anchor = audit_heads.head(cast.acme)
    AuditRow.objects.for_tenant(cast.acme).filter(n=7).delete()
    Tenant.objects.filter(pk=cast.acme.pk).update(audit_head=6)
    assert audit.verify(cast.acme).fault is None
    assert audit.verify(cast.acme, [anchor]).fault == "Row 7 was anchored, and the trail ends at row 6."


@pytest.mark.parametrize("text", ["", "7", "7:", "0:" + "0" * 64, "7:" + "0" * 63, "x:" + "0" * 64, "7:" + "g" * 64])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(BadAnchor):
        audit_heads.parse(text)


def test_the_commands_print_and_take_anchors(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit", "head", "acme")
    slug, anchor, _, key_id = capsys.readouterr().out.split()
    row = AuditRow.objects.for_tenant(cast.acme).get(n=7)
    assert (slug, anchor, int(key_id)) == ("acme", f"7:{row.hash}", row.key_id)
    call_command("audit", "verify", "acme", "--anchor", anchor)
    assert "7 rows hold" in capsys.readouterr().out
    change(cast.acme)
    recompute(cast.acme)
    call_command("audit", "verify", "acme")
    with pytest.raises(CommandError):
        call_command("audit", "verify", "acme", "--anchor", anchor)
    assert "written anew" in capsys.readouterr().out
    for wrong in (["acme", "--anchor", "7"], ["--anchor", anchor], ["acme", "--anchors", "/no/such/file"]):
        with pytest.raises(CommandError):
            call_command("audit", "verify", *wrong)


def test_beat_notes_heads_once_a_day_and_verify_reads_them(
    cast: Cast, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks.keep_audit_heads()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().count("\n") == 2
    change(cast.acme)
    recompute(cast.acme)
    with pytest.raises(CommandError):
        call_command("audit", "verify")
    told = capsys.readouterr().out
    assert "acme: Row 7 is not the one" in told
    assert "elsewhere: 1 rows hold" in told


def test_a_line_is_added_when_a_day_is_over_and_the_head_moved(cast: Cast, file: Path) -> None:
    assert audit_heads.keep(file, NOON) == 2
    audit.record(cast.acme, "tool.call", actor="worker")
    assert audit_heads.keep(file, NOON + timedelta(hours=23)) == 0
    assert audit_heads.keep(file, NOON + timedelta(hours=25)) == 1
    assert audit_heads.keep(file, NOON + timedelta(days=9)) == 0
    assert [anchor.n for anchor in audit_heads.anchors(file, cast.acme)] == [7, 8]
    assert audit.verify(cast.acme, audit_heads.anchors(file, cast.acme)).fault is None


def test_a_torn_line_spoils_no_other(cast: Cast, file: Path) -> None:
    audit_heads.keep(file, NOON)
    with file.open("a") as torn:
        torn.write("2026-05-01T12:00:00Z 0123")
    audit.record(cast.acme, "tool.call", actor="worker")
    audit_heads.keep(file, NOON + timedelta(days=2))
    assert [anchor.n for anchor in audit_heads.anchors(file, cast.acme)] == [7, 8]


def test_a_copy_of_the_file_serves_too(cast: Cast, file: Path, tmp_path: Path) -> None:
    audit_heads.keep(file, NOON)
    copy = file.rename(tmp_path / "elsewhere.log")
    call_command("audit", "verify", "--anchors", str(copy))
    cut_off(cast.acme)
    recompute(cast.acme)
    call_command("audit", "verify")
    with pytest.raises(CommandError):
        call_command("audit", "verify", "--anchors", str(copy))
