"""Items that clients sealed: bound to their row, audited, for those who may; the format is the SDK's."""

import pytest
from deny_sh import client as sdk
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from tenants import audit
from tenants.models import AuditRow, Role
from tests.cast import Cast
from tests.denysh_cast import PASSWORD
from vault.denysh import items, sealing
from vault.denysh.sealing import Sealed
from vault.errors import (
    CredentialNotFound,
    Damaged,
    Full,
    InvalidLabel,
    InvalidPassword,
    InvalidValue,
)
from vault.models import SealedItem

pytestmark = pytest.mark.django_db
SEALED = Sealed(bytes(32), bytes(16), b"ciphertext")


def test_the_sdk_opens_what_is_sealed_here_and_the_other_way_round() -> None:
    sealed = sealing.seal("sk_live_Ünïcødé".encode(), PASSWORD)
    item = {"salt": sealed.salt.hex(), "iv": sealed.iv.hex(), "encryptedData": sealed.data.hex()}
    assert sdk._decrypt_item(item, PASSWORD) == "sk_live_Ünïcødé"
    assert sealing.open_sealed(sealed, PASSWORD) == "sk_live_Ünïcødé".encode()
    assert sealing.open_sealed(sealed, "another") != "sk_live_Ünïcødé".encode()


def test_an_item_comes_back_as_it_went_in_and_each_act_is_audited(cast: Cast) -> None:
    item = items.store("stripe-prod", SEALED, acting=cast.owner, category="api")
    found, sealed = items.fetch(str(item.pk), acting=cast.principal(cast.bob))
    assert (found.label, found.category, found.size, sealed) == ("stripe-prod", "api", 10, SEALED)
    items.delete(str(item.pk), acting=cast.owner)
    rows = AuditRow.objects.for_tenant(cast.acme).filter(verb__startswith="denysh.").order_by("n")
    assert [(row.verb, row.subject) for row in rows] == [
        (verb, "stripe-prod") for verb in ("denysh.write", "denysh.read", "denysh.delete")
    ]


def test_the_same_label_twice_makes_two_items_the_newest_first(cast: Cast) -> None:
    first, second = (items.store("stripe-prod", SEALED, acting=cast.owner) for _ in range(2))
    assert [item.pk for item in items.newest(cast.acme)] == [second.pk, first.pk]
    assert [item.pk for item in items.newest(cast.acme, limit=1)] == [second.pk]
    assert [item.pk for item in items.newest(cast.acme, limit=1, after=second.pk)] == [first.pk]


@pytest.mark.parametrize("change", ["flip", "cut", "row", "tenant"])
def test_a_changed_cut_or_moved_item_is_refused(cast: Cast, change: str) -> None:
    item, other = (items.store(label, SEALED, acting=cast.owner) for label in ("one", "two"))
    acting = cast.owner
    stored = bytes(item.sealed)
    if change == "tenant":
        SealedItem.objects.filter(pk=item.pk).update(tenant=cast.elsewhere)
        acting = type(acting)(cast.elsewhere, Role.OWNER, cast.charlie)
    else:
        new = {"flip": stored[:-1] + bytes([stored[-1] ^ 1]), "cut": stored[:-1], "row": bytes(other.sealed)}[change]
        SealedItem.objects.filter(pk=item.pk).update(sealed=new)
    with pytest.raises(Damaged):
        items.fetch(str(item.pk), acting=acting)


def test_who_may_do_what(cast: Cast) -> None:
    item = items.store("stripe-prod", SEALED, acting=cast.principal(cast.erin))
    for act in (lambda who: items.store("x", SEALED, acting=who), lambda who: items.delete(str(item.pk), acting=who)):
        with pytest.raises(PermissionDenied):
            act(cast.principal(cast.bob))
    with pytest.raises(PermissionDenied):
        items.fetch(str(item.pk), acting=cast.principal(cast.dave))


@pytest.mark.parametrize("spelling", ["{}x", "", "nonsense", "{{{}}}", "urn:uuid:{}", "UPPER"])
def test_only_the_one_spelling_of_an_id_finds_it(cast: Cast, spelling: str) -> None:
    item = items.store("stripe-prod", SEALED, acting=cast.owner)
    asked = str(item.pk).upper() if spelling == "UPPER" else spelling.format(item.pk)
    with pytest.raises(CredentialNotFound):
        items.find(cast.acme, asked)


def test_a_foreign_id_is_an_absent_one(cast: Cast) -> None:
    item = items.store("stripe-prod", SEALED, acting=cast.owner)
    with pytest.raises(CredentialNotFound):
        items.find(cast.elsewhere, str(item.pk))


@pytest.mark.parametrize(
    ("label", "sealed", "category", "error"),
    [
        ("", SEALED, "", InvalidLabel),
        ("a\nb", SEALED, "", InvalidLabel),
        ("nul\0", SEALED, "", InvalidLabel),
        ("x" * 201, SEALED, "", InvalidLabel),
        ("x", Sealed(bytes(31), bytes(16), b"c"), "", InvalidValue),
        ("x", Sealed(bytes(32), bytes(12), b"c"), "", InvalidValue),
        ("x", Sealed(bytes(32), bytes(16), b""), "", InvalidValue),
        ("x", Sealed(bytes(32), bytes(16), bytes(sealing.LONGEST + 1)), "", InvalidValue),
        ("x", SEALED, "c" * 61, InvalidValue),
        ("x", SEALED, "c\n", InvalidValue),
    ],
)
def test_what_cannot_be_kept_is_refused(cast: Cast, label: str, sealed: Sealed, category: str, error: type) -> None:
    with pytest.raises(error):
        items.store(label, sealed, acting=cast.owner, category=category)
    assert not SealedItem.objects.exists()


def test_a_workspace_keeps_so_many_and_no_more(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MOST", 2)
    for _ in range(2):
        items.store("x", SEALED, acting=cast.owner)
    with pytest.raises(Full):
        items.store("x", SEALED, acting=cast.owner)
    assert items.count(cast.acme) == 2


def test_no_audit_row_no_ciphertext(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    item = items.store("x", SEALED, acting=cast.owner)
    monkeypatch.setattr(audit, "_next", lambda *_: (_ for _ in ()).throw(OSError("no room")))
    for act in (items.fetch, items.delete):
        with pytest.raises(OSError, match="no room"):
            act(str(item.pk), acting=cast.owner)
    assert SealedItem.objects.exists()


def test_sealing_here_asks_for_a_strong_password_and_for_text(cast: Cast) -> None:
    with pytest.raises(InvalidPassword):
        items.put("x", b"sk_live", "password1", acting=cast.owner)
    for value in (b"", b"\xff\xfe", b"x" * (sealing.LONGEST + 1)):
        with pytest.raises(InvalidValue):
            items.put("x", value, PASSWORD, acting=cast.owner)


def test_no_representation_shows_ciphertext_or_salt() -> None:
    assert repr(SEALED) == "Sealed()"


def test_the_command_refuses_in_one_line(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DENY_VAULT_PASSWORD", raising=False)
    for words, sentence in (
        (("list", "nowhere"), "no workspace"),
        (("delete", "acme", "nonsense"), "no such item"),
        (("put", "acme", "x"), "Set DENY_VAULT_PASSWORD"),
    ):
        with pytest.raises(CommandError, match=sentence) as refusal:
            call_command("denysh", *words)
        assert "\n" not in str(refusal.value)
