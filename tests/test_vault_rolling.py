"""Changing and adding passwords: everything or nothing, and from outside one looks like the other."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.models import AuditRow
from tests.vault_cast import FIRST, NEW, SECOND, WRONG, Vault
from vault import compartments, entries, header, rolling
from vault.errors import Busy, Damaged, InvalidPassword, NoRoom, NoValue, WrongPassword
from vault.models import VaultEntry, VaultHeader


def value(vault: Vault, label: str, password: str) -> bytes | None:
    try:
        return entries.get(vault.tenant, label, password=password, actor="operator")
    except NoValue:
        return None


def stored(vault: Vault) -> dict[str, tuple[bytes, int]]:
    rows = {e.label: (bytes(e.sealed), e.version) for e in VaultEntry.objects.for_tenant(vault.tenant)}
    head = VaultHeader.objects.for_tenant(vault.tenant).get()
    return {**rows, "": (bytes(head.sealed), head.version)}


@pytest.fixture
def two(vault: Vault) -> Vault:
    """Two passwords, three labels: one with both values, one with the first's, one with none."""
    vault.add_second()
    for label, password in (("both", FIRST), ("both", SECOND), ("first", FIRST)):
        secret = f"{label} of {password}".encode()
        entries.put(vault.tenant, label, secret, password=password, actor="operator")
    entries.make(vault.tenant, "none", actor="operator")
    return vault


def test_a_roll_carries_every_own_value_and_touches_no_other(two: Vault) -> None:
    before = compartments.open_with(two.tenant, FIRST).compartment
    rolling.roll(two.tenant, FIRST, NEW, actor=two.cast.owner)
    after = compartments.open_with(two.tenant, NEW).compartment
    assert (after.number, after.place) == (before.number, before.place)
    assert after.master_key != before.master_key
    assert [value(two, label, NEW) for label in ("both", "first", "none")] == [
        f"both of {FIRST}".encode(), f"first of {FIRST}".encode(), None,
    ]  # fmt: skip
    assert value(two, "both", SECOND) == f"both of {SECOND}".encode()
    with pytest.raises(WrongPassword):
        value(two, "both", FIRST)


def test_an_added_password_starts_empty_and_the_survivors_live(two: Vault) -> None:
    rolling.add_password(two.tenant, NEW, [SECOND, FIRST, FIRST], actor=two.cast.owner)
    assert value(two, "both", NEW) is None
    assert value(two, "both", FIRST) == f"both of {FIRST}".encode()
    assert value(two, "both", SECOND) == f"both of {SECOND}".encode()


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [(WRONG, NEW, WrongPassword), (FIRST, "password1", InvalidPassword), (FIRST, SECOND, InvalidPassword),
     (FIRST, FIRST, InvalidPassword), (FIRST, "", InvalidPassword), ("", NEW, InvalidPassword)],
)  # fmt: skip
def test_a_roll_that_is_refused_changes_nothing(two: Vault, old: str, new: str, refusal: type[Exception]) -> None:
    before = stored(two)
    with pytest.raises(refusal):
        rolling.roll(two.tenant, old, new, actor="operator")
    assert stored(two) == before


@pytest.mark.parametrize(
    ("new", "survivors", "refusal"),
    [(NEW, [], InvalidPassword), (NEW, [FIRST, WRONG], WrongPassword), (SECOND, [FIRST], InvalidPassword),
     ("password1", [FIRST], InvalidPassword), (NEW, [f"{FIRST} {n}" for n in range(8)], NoRoom)],
)  # fmt: skip
def test_an_added_password_that_is_refused_changes_nothing(
    two: Vault, new: str, survivors: list[str], refusal: type[Exception]
) -> None:
    before = stored(two)
    with pytest.raises(refusal):
        rolling.add_password(two.tenant, new, survivors, actor="operator")
    assert stored(two) == before


def test_a_failure_in_the_middle_of_a_roll_leaves_the_old_password_whole(two: Vault) -> None:
    last = VaultEntry.objects.for_tenant(two.tenant).order_by("-pk")[0]
    VaultEntry.objects.filter(pk=last.pk).update(sealed=b"broken")
    before = stored(two)
    with pytest.raises(Damaged):
        rolling.roll(two.tenant, FIRST, NEW, actor="operator")
    assert stored(two) == before
    assert compartments.open_with(two.tenant, FIRST).right
    assert not compartments.open_with(two.tenant, NEW).right


def test_an_act_that_began_before_a_roll_is_told_busy(two: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = compartments.open_with(two.tenant, FIRST)
    rolling.roll(two.tenant, FIRST, NEW, actor="operator")
    late = (
        lambda: entries.put(two.tenant, "both", b"late", password=FIRST, actor="operator"),
        lambda: rolling.roll(two.tenant, FIRST, WRONG + NEW, actor="operator"),
    )
    with monkeypatch.context() as patch:
        patch.setattr(compartments, "open_with", lambda tenant, password: opened)
        for act in late:
            with pytest.raises(Busy):
                act()
    assert value(two, "both", NEW) == f"both of {FIRST}".encode()


def seen_from_outside(vault: Vault, act: Callable[[], None]) -> dict[str, object]:
    before, last = stored(vault), AuditRow.objects.for_tenant(vault.tenant).count()
    changed = dict(VaultEntry.objects.for_tenant(vault.tenant).values_list("label", "changed_at"))
    with CaptureQueriesContext(connection) as queries:
        act()
    after = stored(vault)
    row = AuditRow.objects.for_tenant(vault.tenant).order_by("n")[last]
    return {
        "fresh": [label for label in after if after[label][0] != before[label][0]],
        "versions": {label: after[label][1] - before[label][1] for label in after},
        "sizes": {label: len(after[label][0]) for label in after},
        "audit": (row.verb, row.subject, row.detail, AuditRow.objects.for_tenant(vault.tenant).count() - last),
        "changed": dict(VaultEntry.objects.for_tenant(vault.tenant).values_list("label", "changed_at")) == changed,
        "queries": len(queries),
    }


def test_adding_a_password_looks_from_outside_like_changing_one(two: Vault) -> None:
    added = seen_from_outside(two, lambda: rolling.add_password(two.tenant, NEW, [FIRST, SECOND], actor=two.cast.owner))
    rolled = seen_from_outside(two, lambda: rolling.roll(two.tenant, NEW, NEW + " too", actor=two.cast.owner))
    assert added == rolled
    assert sorted(added["fresh"]) == ["", "both", "first", "none"]  # type: ignore[call-overload]


def test_every_number_can_be_had(vault: Vault) -> None:
    passwords = [FIRST, *(f"{NEW} {n}" for n in range(7))]
    for n in range(1, header.SLOTS):
        rolling.add_password(vault.tenant, passwords[n], passwords[:n], actor="operator")
    for n, password in enumerate(passwords):
        entries.put(vault.tenant, "all", b"value %d" % n, password=password, actor="operator")
    assert [value(vault, "all", password) for password in passwords] == [b"value %d" % n for n in range(header.SLOTS)]
