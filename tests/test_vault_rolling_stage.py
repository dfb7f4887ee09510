"""A change of passwords that is cut off: the old ones hold, the same call goes on, and the stage tells nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.vault_cast import FIRST, NEW, SECOND, Vault
from vault import compartments, entries, outer, rolling, staging, tasks
from vault.errors import Busy, WrongPassword
from vault.models import VaultEntry, VaultHeader, VaultStage, VaultStagedRow

LABELS = 40


class Cut(Exception):
    """The process ends here."""


def cut_after(rows: int) -> Callable[[int, int], None]:
    def told(done: int, total: int) -> None:
        if done >= rows:
            raise Cut

    return told


@pytest.fixture
def stocked(vault: Vault) -> Vault:
    """Forty labels, two of them with a value."""
    for number in range(LABELS):
        entries.make(vault.tenant, f"label-{number:02}", actor="operator")
    for label in ("label-00", "label-39"):
        entries.put(vault.tenant, label, label.encode(), password=FIRST, actor="operator")
    return vault


@pytest.fixture
def cut_off(stocked: Vault) -> Vault:
    """A roll from FIRST to NEW, ended in the middle."""
    with pytest.raises(Cut):
        rolling.roll(stocked.tenant, FIRST, NEW, actor="operator", told=cut_after(16))
    return stocked


def value(vault: Vault, label: str, password: str) -> bytes:
    return entries.get(vault.tenant, label, password=password, actor="operator")


def let_it_rest(vault: Vault, since: timedelta = compartments.RUNNING) -> None:
    VaultStage.objects.for_tenant(vault.tenant).update(touched_at=timezone.now() - since)


def until_somebody_waits(vault: Vault) -> None:
    """On PostgreSQL: until another connection stands at a lock. SQLite's one writer is what others wait for anyway."""
    with connection.cursor() as cursor:
        while connection.vendor == "postgresql":
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return


@pytest.mark.db_matrix
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("resumed", [False, True], ids=["begun", "gone on with"])
def test_a_label_that_is_purged_while_a_change_begins_is_not_staged(
    stocked: Vault, monkeypatch: pytest.MonkeyPatch, resumed: bool
) -> None:
    removed, really = Event(), entries._remove

    def remove(*args: Any) -> Any:
        refusal = really(*args)
        removed.set()
        until_somebody_waits(stocked)
        return refusal

    def purge() -> None:
        try:
            entries.purge(stocked.tenant, "label-39", actor="operator")
        finally:
            connection.close()

    if resumed:
        with pytest.raises(Cut):
            rolling.roll(stocked.tenant, FIRST, NEW, actor="operator", told=cut_after(16))
        let_it_rest(stocked)
    monkeypatch.setattr(entries, "_remove", remove)
    with ThreadPoolExecutor(1) as pool:
        purging = pool.submit(purge)
        assert removed.wait(20)
        rolling.roll(stocked.tenant, FIRST, NEW, actor="operator")
        purging.result()
    assert VaultEntry.objects.for_tenant(stocked.tenant).count() == LABELS - 1
    assert value(stocked, "label-00", NEW) == b"label-00"


def test_cut_off_the_old_password_holds_and_the_same_call_goes_on(cut_off: Vault) -> None:
    assert value(cut_off, "label-39", FIRST) == b"label-39"
    seen: list[tuple[int, int]] = []
    rolling.roll(cut_off.tenant, FIRST, NEW, actor="operator", told=lambda done, total: seen.append((done, total)))
    assert seen[0] == (32, LABELS)  # sixteen were there
    assert [value(cut_off, label, NEW) for label in ("label-00", "label-39")] == [b"label-00", b"label-39"]
    assert not VaultStage.objects.exists()
    assert not VaultStagedRow.objects.exists()
    with pytest.raises(WrongPassword, match="the new password is the one"):
        rolling.roll(cut_off.tenant, FIRST, NEW, actor="operator")


def test_an_added_password_goes_on_as_well(stocked: Vault) -> None:
    with pytest.raises(Cut):
        rolling.add_password(stocked.tenant, SECOND, [FIRST], actor="operator", told=cut_after(16))
    stage = VaultStage.objects.get().pk
    seen: list[int] = []
    rolling.add_password(stocked.tenant, SECOND, [FIRST], actor="operator", told=lambda done, _: seen.append(done))
    assert stage
    assert seen[0] == 32
    entries.put(stocked.tenant, "label-00", b"other", password=SECOND, actor="operator")
    assert (value(stocked, "label-00", FIRST), value(stocked, "label-00", SECOND)) == (b"label-00", b"other")


def test_a_survivor_that_was_not_named_before_is_spared_by_beginning_anew(stocked: Vault) -> None:
    stocked.add_second()
    entries.put(stocked.tenant, "label-00", b"second's", password=SECOND, actor="operator")
    for _ in range(12):  # seven numbers are free without the second's: one in seven would hit it each time
        with pytest.raises(Cut):
            rolling.add_password(stocked.tenant, NEW, [FIRST], actor="operator", told=cut_after(16))
        let_it_rest(stocked)
        with pytest.raises(Cut):
            rolling.add_password(stocked.tenant, NEW, [FIRST, SECOND], actor="operator", told=cut_after(32))
        let_it_rest(stocked)
        VaultStage.objects.all().delete()
    rolling.add_password(stocked.tenant, NEW, [FIRST, SECOND], actor="operator")
    assert value(stocked, "label-00", SECOND) == b"second's"


def test_who_writes_meanwhile_is_told_busy_and_tools_work_on(cut_off: Vault) -> None:
    tenant = cut_off.tenant
    writes: list[Callable[[], Any]] = [
        lambda: entries.put(tenant, "label-00", b"x", password=FIRST, actor="operator"),
        lambda: entries.rotate(tenant, "label-00", b"x", password=FIRST, actor="operator"),
        lambda: entries.delete(tenant, "label-00", password=FIRST, actor="operator"),
        lambda: entries.make(tenant, "another", actor="operator"),
        lambda: entries.purge(tenant, "label-00", actor="operator"),
        lambda: entries.purge(tenant, "label-00", actor="operator", password=FIRST),
        lambda: rolling.roll(tenant, FIRST, SECOND, actor="operator"),
        lambda: rolling.add_password(tenant, SECOND, [FIRST], actor="operator"),
    ]
    for write in writes:
        with pytest.raises(Busy):
            write()
    assert value(cut_off, "label-00", FIRST) == b"label-00"


def test_what_was_written_after_the_cut_survives_the_rest(cut_off: Vault) -> None:
    let_it_rest(cut_off)
    entries.rotate(cut_off.tenant, "label-00", b"changed", password=FIRST, actor="operator")
    entries.make(cut_off.tenant, "label-new", actor="operator")
    entries.purge(cut_off.tenant, "label-01", actor="operator")
    rolling.roll(cut_off.tenant, FIRST, NEW, actor="operator")
    assert value(cut_off, "label-00", NEW) == b"changed"
    entries.put(cut_off.tenant, "label-new", b"new", password=NEW, actor="operator")
    assert value(cut_off, "label-new", NEW) == b"new"


def test_a_second_runner_takes_over_and_the_first_is_refused(cut_off: Vault) -> None:
    tenant = cut_off.tenant

    def overtaken(done: int, total: int) -> None:
        if done == 32:
            rolling.roll(tenant, FIRST, NEW, actor="operator")

    with pytest.raises(Busy):
        rolling.roll(tenant, FIRST, NEW, actor="operator", told=overtaken)
    assert value(cut_off, "label-39", NEW) == b"label-39"


def test_another_change_takes_the_place_of_one_that_rests(cut_off: Vault) -> None:
    let_it_rest(cut_off)
    rolling.roll(cut_off.tenant, FIRST, SECOND, actor="operator")
    assert value(cut_off, "label-39", SECOND) == b"label-39"
    with pytest.raises(WrongPassword):
        value(cut_off, "label-39", NEW)


def test_beat_forgets_what_nobody_goes_on_with(cut_off: Vault) -> None:
    tasks.sweep()
    assert rolling.progress(cut_off.tenant)
    let_it_rest(cut_off, staging.KEPT + timedelta(seconds=1))
    tasks.sweep()
    assert rolling.progress(cut_off.tenant) is None
    rolling.roll(cut_off.tenant, FIRST, NEW, actor="operator")
    assert value(cut_off, "label-39", NEW) == b"label-39"


def test_a_stage_that_was_tampered_with_is_refused_and_the_old_state_stays(cut_off: Vault) -> None:
    first, second = VaultStagedRow.objects.order_by("pk")[:2]
    VaultStagedRow.objects.filter(pk=first.pk).update(sealed=second.sealed)
    with pytest.raises(Exception, match="damaged"):
        rolling.roll(cut_off.tenant, FIRST, NEW, actor="operator")
    assert value(cut_off, "label-39", FIRST) == b"label-39"
    assert not VaultStage.objects.exists()


def at_rest(vault: Vault) -> dict[str, object]:
    """What a thief with the server keys sees of a stage: lengths, counts, versions, what is alike in stage and row."""
    vault_id = bytes(VaultHeader.objects.for_tenant(vault.tenant).get().vault_id)
    stage = VaultStage.objects.for_tenant(vault.tenant).get()
    shared, sizes = 0, []
    for staged in stage.rows.select_related("entry"):
        row = outer.open_row(staged.entry.sealed, vault_id, staged.entry_id.bytes)
        inner = outer.open_row(staged.sealed, vault_id, stage.pk.bytes + staged.entry_id.bytes)
        sizes.append(len(inner))
        shared += sum(row[at : at + 16] in inner for at in range(0, len(row), 16))
    return {"sizes": sizes, "shared": shared, "header": len(stage.sealed), "version": stage.header_version}


def test_a_stage_looks_alike_for_a_change_and_for_another_password(stocked: Vault) -> None:
    with pytest.raises(Cut):
        rolling.roll(stocked.tenant, FIRST, NEW, actor="operator", told=cut_after(16))
    changed = at_rest(stocked)
    VaultStage.objects.all().delete()
    with pytest.raises(Cut):
        rolling.add_password(stocked.tenant, NEW, [FIRST], actor="operator", told=cut_after(16))
    assert at_rest(stocked) == changed
    assert changed["shared"] == 0  # though seven of the eight slots stay as they are, nothing of them shows
    assert VaultEntry.objects.count() == LABELS
