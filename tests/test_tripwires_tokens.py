"""Making, arming, planting and deleting honeytokens; what a dump holds of them; what a rotation of server keys does."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from pytest_django import DjangoAssertNumQueries

from tenants import access, api_keys
from tenants.access import Act
from tenants.models import AuditRow, Tenant
from tests.cast import Cast, make_key
from tests.promises.scanner import Scanner, Secret
from tests.test_vault_alike import database
from tests.tripwire_cast import OTHER, VALUE, Trap, arm
from vault import rewrap, server_keys
from vault.errors import InvalidLabel, InvalidValue, Refused
from vault.models import Honeytoken, Sighting
from vault.tripwires import armed, keys, sightings, tokens
from vault.tripwires.sightings import Where, Who

pytestmark = pytest.mark.django_db(transaction=True)
NOTE = "Never use this: {value}"


def seen(tenant: Tenant, text: str) -> list[str]:
    """The names of what is seen, without an alert."""
    tenant.refresh_from_db()
    watched = armed.of(tenant)
    return [token.name for token in watched.seen_in([text])] if watched else []


def verbs(tenant: Tenant) -> list[str]:
    rows = AuditRow.objects.for_tenant(tenant).filter(verb__startswith="tripwire.")
    return list(rows.order_by("n").values_list("verb", flat=True))


# --- making ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["stripe-live-key", tokens.API_KEY])
def test_fake_is_armed_and_shown_once(cast: Cast, kind: str) -> None:
    token, value = tokens.make("wiki", kind, acting=cast.owner)
    assert seen(cast.acme, f"found {value} here") == ["wiki"]
    assert value not in repr(vars(token))
    assert verbs(cast.acme) == ["tripwire.arm"]


def test_fake_api_key_has_the_shape_of_ours(cast: Cast) -> None:
    assert api_keys._SHAPE.fullmatch(tokens.make("env", tokens.API_KEY, acting=cast.owner)[1])


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 81])
def test_name_is_one_short_line(cast: Cast, name: str) -> None:
    with pytest.raises(InvalidLabel):
        tokens.make(name, "stripe-live-key", acting=cast.owner)


def test_name_does_not_hold_the_value_and_is_one_of_a_kind(cast: Cast) -> None:
    with pytest.raises(InvalidLabel):
        tokens.arm_own(f"my {VALUE}", VALUE, acting=cast.owner)
    arm(cast)
    with pytest.raises(InvalidLabel, match="already"):
        tokens.arm_own("bait", OTHER, acting=cast.owner)
    assert Honeytoken.objects.count() == 1


def test_there_is_a_most(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST", 1)
    arm(cast)
    with pytest.raises(Refused, match="at most 1"):
        arm(cast, "second", OTHER)


@pytest.mark.parametrize("who", ["bob", "dave"])
def test_member_and_viewer_may_not(cast: Cast, who: str) -> None:
    trap, principal = arm(cast), cast.principal(getattr(cast, who))
    for act in (
        lambda: tokens.make("x", "stripe-live-key", acting=principal),
        lambda: tokens.change(trap.token, armed=False, acting=principal),
        lambda: tokens.delete(trap.token, acting=principal),
        lambda: tokens.plant(trap.token, VALUE, in_prompt=True, in_results=[], note=NOTE, acting=principal),
        lambda: tokens.set_hook(trap.token, "", "", acting=principal),
    ):
        with pytest.raises(PermissionDenied):
            act()
    assert seen(cast.acme, VALUE) == ["bait"]


# --- the path of every request -----------------------------------------------------------------------------------


def test_unarmed_workspace_pays_no_query(cast: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    header = f"Bearer {make_key(cast)}"
    access.for_bearer(header, Act.CHAT)  # builds its query, and notes the use of the key
    with django_assert_num_queries(1):
        principal = access.for_bearer(header, Act.CHAT)
        assert armed.of(principal.tenant) is None
        assert sightings.look(principal.tenant, [VALUE], Who.of(principal), Where(Sighting.Place.MESSAGE)) == []


def test_armed_workspace_pays_one(cast: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    header = f"Bearer {make_key(cast)}"
    arm(cast)
    access.for_bearer(header, Act.CHAT)
    with django_assert_num_queries(2):
        watched = armed.of(access.for_bearer(header, Act.CHAT).tenant)
        assert watched
        assert watched.seen_in([VALUE])


def test_count_follows_every_act(cast: Cast) -> None:
    def count() -> int:
        return Tenant.objects.get(pk=cast.acme.pk).armed_tripwires

    first, second = arm(cast).token, arm(cast, "second", OTHER).token
    assert count() == 2
    tokens.change(first, armed=False, acting=cast.owner)
    assert count() == 1
    assert seen(cast.acme, f"{VALUE} {OTHER}") == ["second"]
    tokens.change(first, armed=True, acting=cast.owner)
    assert seen(cast.acme, f"{VALUE} {OTHER}") == ["bait", "second"]
    tokens.delete(second, acting=cast.owner)
    tokens.delete(first, acting=cast.owner)
    assert count() == 0
    assert verbs(cast.acme) == [f"tripwire.{act}" for act in ("arm", "arm", "disarm", "arm", "delete", "delete")]


# --- planting ----------------------------------------------------------------------------------------------------


def plant(trap: Trap, value: str = VALUE, **places: object) -> None:
    token = Honeytoken.objects.get(pk=trap.token.pk)
    given: dict[str, object] = {"in_prompt": True, "in_results": [], "note": NOTE, **places}
    tokens.plant(token, value, acting=trap.cast.owner, **given)  # type: ignore[arg-type]


def test_planted_value_goes_where_it_was_told_to(cast: Cast) -> None:
    trap = arm(cast)
    plant(trap, in_results=["get_invoice"])
    watched = armed.of(trap.tenant)
    assert watched
    assert watched.instructions() == f"Never use this: {VALUE}"
    assert watched.in_result("get_invoice") == f"Never use this: {VALUE}"
    assert watched.in_result("another") == ""
    plant(trap, "", in_prompt=False, in_results=["another"])
    watched = armed.of(trap.tenant)
    assert watched
    assert (watched.instructions(), watched.in_result("get_invoice")) == ("", "")
    assert VALUE in watched.in_result("another")


def test_taken_up_nothing_of_it_is_kept(cast: Cast) -> None:
    trap = arm(cast)
    for take_up in (
        lambda: plant(trap, "", in_prompt=False),
        lambda: tokens.change(trap.token, armed=False, acting=cast.owner),
    ):
        plant(trap)
        assert Honeytoken.objects.get().sealed_value
        take_up()
        token = Honeytoken.objects.get()
        assert (token.sealed_value, token.in_prompt, token.in_results, token.note) == (None, False, [], "")
        tokens.change(trap.token, armed=True, acting=cast.owner)


def test_only_its_own_value_can_be_planted(cast: Cast) -> None:
    trap = arm(cast)
    for value in (OTHER, VALUE[:-1], "short"):
        with pytest.raises(InvalidValue):
            plant(trap, value)
    with pytest.raises(InvalidValue, match="only its hash"):
        plant(trap, "")
    for note in ("no place", "{value} and {value}", "{value}" + "x" * 600):
        with pytest.raises(Refused):
            plant(trap, note=note)
    tokens.change(trap.token, armed=False, acting=cast.owner)
    with pytest.raises(Refused, match="Arm it first"):
        plant(trap)


# --- at rest -----------------------------------------------------------------------------------------------------


def test_value_is_nowhere_in_the_database(cast: Cast) -> None:
    trap = arm(cast)
    _, made = tokens.make("made", "github-pat-classic", acting=cast.owner)
    plant(trap)
    where = Where(Sighting.Place.ARGUMENT, "get_invoice", "resp_1", "conv_1")
    assert sightings.look(trap.tenant, [f"before {VALUE} {made} after"], Who.of(cast.owner), where)
    Tenant.objects.filter(pk=cast.acme.pk).update(name=OTHER)  # the control
    # Of a token's public beginning everybody may know: it is in the page's list of kinds.
    secrets = [Secret("armed", VALUE[8:]), Secret("made", made[4:]), Secret("control", OTHER[8:])]
    found = {hit.secret for hit in Scanner(*secrets).scan("database", database())}
    assert found == {"control"}


def test_equal_values_of_two_workspaces_have_nothing_in_common(cast: Cast) -> None:
    one = arm(cast).token
    other = tokens.arm_own("bait", VALUE, acting=access.for_slug("elsewhere"))
    assert not {mark.digest for mark in one.marks} & {mark.digest for mark in other.marks}


# --- server keys -------------------------------------------------------------------------------------------------


@pytest.fixture
def own_keys(tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    server_keys.reload()
    forget()
    yield
    server_keys.reload()
    forget()


def forget() -> None:
    """As another process, which has derived nothing yet."""
    keys.of_tenant.cache_clear()
    keys.of_buckets.cache_clear()


def test_rotation_disarms_nothing_and_retires_the_key(own_keys: None, cast: Cast, tmp_path: Path) -> None:
    trap = arm(cast)
    plant(trap)
    old = server_keys.current().id
    call_command("rotate_server_keys", "--retire", "--wait", "0", stderr=io.StringIO())
    assert [key.id for key in server_keys.all()] != [old]
    forget()
    assert rewrap.used()[old] == 0
    assert seen(cast.acme, VALUE) == ["bait"]
    watched = armed.of(trap.tenant)
    assert watched
    assert VALUE in watched.instructions()
    arm(cast, "new", OTHER)
    assert seen(cast.acme, f"{VALUE} {OTHER}") == ["bait", "new"]
    (tmp_path / "tripwire_keys").unlink()
    forget()
    assert seen(cast.acme, f"{VALUE} {OTHER}") == ["new"]
    assert trap.token.key_id not in keys.known_ids()  # which the page says
