"""What put, get, rotate, delete, purge, make and list promise, under one password and beside another."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import close_old_connections, connection, transaction

from tenants import audit
from tenants.models import AuditRow
from tests.vault_cast import FIRST, SECOND, WRONG, Vault
from vault import compartments, entries, storage
from vault.errors import (
    Busy,
    CredentialNotFound,
    Damaged,
    InvalidLabel,
    InvalidPassword,
    InvalidValue,
    NoValue,
    NoVault,
    VaultError,
    VaultExists,
    WrongPassword,
)
from vault.models import VaultEntry, VaultHeader

PLANTED = b"sk_live_planted_51Hq8Zx"


def put(vault: Vault, label: str, value: bytes, password: str = FIRST, band: int | None = None) -> None:
    entries.put(vault.tenant, label, value, password=password, actor=vault.cast.owner, band=band)


def get(vault: Vault, label: str, password: str = FIRST) -> bytes:
    return entries.get(vault.tenant, label, password=password, actor=vault.cast.owner)


def labels(vault: Vault) -> list[str]:
    return [entry.label for entry in entries.list(vault.tenant)]


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("stripe-prod", b"sk_live_5Qm"),
        ("binary", bytes(range(256))),
        ("nul", b"\0\0a\0"),
        ("Schlüssel für Ärger 🔑", "pässwörd".encode()),
        ("l" * 200, b"x"),
        ("slash/and 'quote\" <b>", b"x" * 1019),
    ],
)
def test_a_value_comes_back_byte_for_byte(vault: Vault, label: str, value: bytes) -> None:
    put(vault, label, value)
    assert get(vault, label) == value
    assert labels(vault) == [label]


def test_a_label_is_one_however_its_accents_are_sent(vault: Vault) -> None:
    put(vault, "cafe\u0301", b"one")
    put(vault, "caf\u00e9", b"two")
    assert labels(vault) == ["caf\u00e9"]
    assert get(vault, "cafe\u0301") == b"two"


@pytest.mark.parametrize(
    "label", ["", "  ", " stripe", "stripe ", "l" * 201, "a\0b", "a\nb", "a\u202eb", "a\u2028b", "\ud800"]
)
def test_a_label_that_cannot_be_one_is_refused_and_makes_nothing(vault: Vault, label: str) -> None:
    with pytest.raises(InvalidLabel):
        put(vault, label, b"value")
    with pytest.raises(CredentialNotFound):
        get(vault, label)
    assert labels(vault) == []


@pytest.mark.parametrize(("value", "band"), [(b"", None), (b"x" * 1020, None), (b"x", 2048), (b"x" * 16380, 16384)])
def test_a_value_that_cannot_be_stored_is_refused_and_makes_nothing(
    vault: Vault, value: bytes, band: int | None
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        put(vault, "stripe", value, band=band)
    assert "xxx" not in str(refusal.value)
    assert labels(vault) == []


def test_a_band_is_chosen_once(vault: Vault) -> None:
    put(vault, "pem", b"x" * 4091, band=4096)
    put(vault, "pem", b"short")
    put(vault, "pem", b"x" * 4091, band=4096)
    for value, band in ((b"x" * 4092, None), (b"short", 1024)):
        with pytest.raises(InvalidValue):
            put(vault, "pem", value, band=band)
    assert get(vault, "pem") == b"x" * 4091


@pytest.mark.parametrize("act", ["put", "put new", "rotate", "get", "delete", "purge"])
def test_a_wrong_password_is_refused_changes_nothing_and_is_audited(vault: Vault, act: str) -> None:
    put(vault, "stripe", PLANTED)
    before = VaultEntry.objects.values_list("label", "version", "sealed", "changed_at").get()
    acts = {
        "put": ("put", "stripe", b"other"),
        "put new": ("put", "new", b"other"),
        "rotate": ("rotate", "stripe", b"other"),
    }
    name, *arguments = acts.get(act, (act, "stripe"))
    with pytest.raises(WrongPassword):
        getattr(entries, name)(vault.tenant, *arguments, password=WRONG, actor=vault.cast.owner)
    assert VaultEntry.objects.values_list("label", "version", "sealed", "changed_at").get() == before
    assert vault.verbs() == ["vault.write", "vault.refused"]


@pytest.mark.parametrize(("password", "why"), [("", "Enter"), ("x" * 1025, "1024"), ("\udcff", "not valid text")])
def test_a_password_that_cannot_be_one_says_why(vault: Vault, password: str, why: str) -> None:
    with pytest.raises(InvalidPassword, match=why):
        put(vault, "stripe", b"value", password=password)


def test_without_a_vault_there_is_nowhere_to_put(vault: Vault) -> None:
    with pytest.raises(NoVault):
        entries.put(vault.cast.elsewhere, "stripe", b"value", password=FIRST, actor="operator")
    with pytest.raises(VaultExists):
        compartments.create(vault.tenant, SECOND, actor=vault.cast.owner)
    with pytest.raises(InvalidPassword, match="easy to guess"):
        compartments.create(vault.cast.elsewhere, "password1", actor="operator")


def test_each_password_has_its_own_value_under_a_label(vault: Vault) -> None:
    put(vault, "stripe", b"account A")
    vault.add_second()
    with pytest.raises(NoValue):
        get(vault, "stripe", SECOND)
    with pytest.raises(NoValue):
        entries.rotate(vault.tenant, "stripe", b"x", password=SECOND, actor="operator")
    put(vault, "stripe", b"account B", SECOND)
    assert (get(vault, "stripe"), get(vault, "stripe", SECOND)) == (b"account A", b"account B")
    entries.rotate(vault.tenant, "stripe", b"account A2", password=FIRST, actor="operator")
    assert (get(vault, "stripe"), get(vault, "stripe", SECOND)) == (b"account A2", b"account B")
    entries.delete(vault.tenant, "stripe", password=FIRST, actor="operator")
    with pytest.raises(NoValue):
        get(vault, "stripe")
    assert get(vault, "stripe", SECOND) == b"account B"


def test_deleting_what_is_empty_is_an_ordinary_act(vault: Vault) -> None:
    assert entries.make(vault.tenant, "stripe", actor="operator")
    assert not entries.make(vault.tenant, "stripe", actor="operator")
    before = VaultEntry.objects.get()
    entries.delete(vault.tenant, "stripe", password=FIRST, actor="operator")
    after = VaultEntry.objects.get()
    assert (after.version, len(after.sealed)) == (before.version + 1, len(before.sealed))
    assert after.sealed != before.sealed
    assert vault.verbs() == ["vault.write"] * 2


def test_purge_takes_every_value_and_needs_no_password(vault: Vault) -> None:
    put(vault, "stripe", b"account A")
    entries.purge(vault.tenant, "stripe", actor="operator")
    assert labels(vault) == []
    with pytest.raises(CredentialNotFound):
        entries.purge(vault.tenant, "stripe", actor="operator")


@pytest.mark.parametrize("act", ["rotate", "delete", "get"])
def test_an_unknown_label_is_not_found(vault: Vault, act: str) -> None:
    value = (b"x",) if act == "rotate" else ()
    with pytest.raises(CredentialNotFound) as refusal:
        getattr(entries, act)(vault.tenant, "stripe", *value, password=FIRST, actor="operator")
    assert not isinstance(refusal.value, NoValue)


def test_a_reveal_without_a_value_looks_like_one_with(vault: Vault) -> None:
    entries.make(vault.tenant, "stripe", actor="operator")
    with pytest.raises(NoValue):
        get(vault, "stripe")
    put(vault, "stripe", PLANTED)
    get(vault, "stripe")
    assert vault.verbs() == ["vault.write", "vault.reveal", "vault.write", "vault.reveal"]


def test_without_an_audit_row_nothing_is_written_and_nothing_shown(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(vault, "stripe", PLANTED)

    def broken(*args: object, **options: object) -> None:
        raise OSError("the disk is full")

    acts = (
        lambda: put(vault, "stripe", b"other"),
        lambda: put(vault, "new", b"other"),
        lambda: get(vault, "stripe"),
    )
    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", broken)
        for act in acts:
            with pytest.raises(OSError, match="full"), transaction.atomic():
                act()
    assert get(vault, "stripe") == PLANTED
    assert labels(vault) == ["stripe"]


def test_a_row_that_was_moved_or_changed_is_damaged(vault: Vault) -> None:
    compartments.create(vault.cast.elsewhere, FIRST, actor="operator")
    entries.put(vault.cast.elsewhere, "stripe", b"charlie's", password=FIRST, actor="operator")
    put(vault, "stripe", PLANTED)
    put(vault, "other", b"another of the same tenant")
    theirs = VaultEntry.objects.for_tenant(vault.cast.elsewhere).get()
    ours, other = (VaultEntry.objects.for_tenant(vault.tenant).get(label=label) for label in ("stripe", "other"))
    turned = bytearray(ours.sealed)
    turned[-1] ^= 1
    for stored in (theirs.sealed, other.sealed, ours.sealed[:-16], bytes(turned), b""):
        VaultEntry.objects.filter(pk=ours.pk).update(sealed=stored)
        with pytest.raises(Damaged):
            get(vault, "stripe")
        with pytest.raises(Damaged):
            put(vault, "stripe", b"over the damage")
    VaultEntry.objects.filter(pk=ours.pk).update(sealed=ours.sealed)
    assert get(vault, "stripe") == PLANTED
    header = VaultHeader.objects.for_tenant(vault.cast.elsewhere).get()
    VaultHeader.objects.for_tenant(vault.tenant).update(sealed=header.sealed)
    with pytest.raises(Damaged):
        get(vault, "stripe")


def test_a_write_over_a_newer_version_is_refused(vault: Vault) -> None:
    put(vault, "stripe", b"one")
    opened = compartments.open_with(vault.tenant, FIRST)
    stale = VaultEntry.objects.get()
    put(vault, "stripe", b"two")
    with pytest.raises(Busy):
        storage.replace(stale, storage.slots_of(stale, opened.vault_id), opened.vault_id, at=stale.changed_at)
    assert get(vault, "stripe") == b"two"


@pytest.mark.db_matrix
@pytest.mark.django_db(transaction=True)
def test_two_passwords_written_at_once_are_both_there(vault: Vault) -> None:
    put(vault, "stripe", b"A0")
    vault.add_second()
    put(vault, "stripe", b"B0", SECOND)
    together = Barrier(2)

    def writer(password: str, name: str) -> None:
        together.wait()
        try:
            for n in range(1, 13):
                put(vault, "stripe", b"%s%d" % (name.encode(), n), password)
                if n % 3 == 0:
                    assert get(vault, "stripe", password) == b"%s%d" % (name.encode(), n)
        finally:
            close_old_connections()
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(writer, FIRST, "A"), pool.submit(writer, SECOND, "B")]:
            job.result()
    assert (get(vault, "stripe"), get(vault, "stripe", SECOND)) == (b"A12", b"B12")
    assert audit.verify(vault.tenant).fault is None


def test_no_refusal_and_no_audit_row_carries_a_secret(vault: Vault) -> None:
    put(vault, "stripe", PLANTED)
    seen = []
    for password, label in ((WRONG, "stripe"), (FIRST, "nothing")):
        with pytest.raises(VaultError) as refusal:
            get(vault, label, password)
        seen.append(f"{refusal.value!r} {refusal.value}")
    rows = AuditRow.objects.for_tenant(vault.tenant).values_list("actor", "verb", "subject", "detail")
    text = " ".join([*seen, *map(str, rows)])
    assert "stripe" in text
    for secret in (PLANTED.decode(), FIRST, WRONG):
        assert secret not in text
