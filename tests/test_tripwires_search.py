"""Finding a value by its keyed hashes alone: every dress, near misses, and bounded work."""

import json
import secrets
import time
import uuid

import pytest

from tests.tripwire_cast import DRESSES, OTHER, VALUE
from vault import lookalikes
from vault.errors import InvalidValue
from vault.tripwires import keys, marks, search, tokens
from vault.tripwires.search import Watch

TENANT = uuid.UUID(int=7)
WORDS = "the invoice of customer 42 was paid on 3 May 2026, and in_1042 is due; please look again"


def watching(*values: str, tenant: uuid.UUID = TENANT) -> Watch:
    watch, key_id = Watch(), keys.current_id()
    for value in values:
        for mark in marks.of_value(value, key_id, tenant):
            watch.add(keys.of_tenant(key_id, tenant), mark, value)
    return watch


@pytest.mark.parametrize("dress", DRESSES)
def test_value_is_found_in_every_dress_and_another_is_not(dress: str) -> None:
    watch = watching(VALUE)
    for before, after in (("", ""), ("Please look up ", " for me."), (f"{WORDS} ", f" {WORDS}"), ('{"id": "', '"}')):
        assert watch.names_in([before + DRESSES[dress](VALUE) + after]) == {VALUE}
        assert watch.names_in([before + DRESSES[dress](OTHER) + after]) == set()


def test_one_character_off_is_another_value() -> None:
    watch = watching(VALUE)
    for place in range(8, len(VALUE)):
        changed = VALUE[:place] + ("z" if VALUE[place].lower() != "z" else "y") + VALUE[place + 1 :]
        assert watch.names_in([changed]) == set(), place
    assert watch.names_in([VALUE[:-1], VALUE[1:]]) == set()


@pytest.mark.parametrize("kind", tokens.KINDS)
def test_every_kind_that_can_be_made_is_found_whole_and_in_base64(kind: str) -> None:
    value = lookalikes.make(kind) if kind in lookalikes.KINDS else f"dw_{'a1' * 6}_{secrets.token_urlsafe(32)}"
    watch = watching(value)
    for dress in ("raw", "json", "base64", "upper", "reversed"):
        assert watch.names_in([f"here: {DRESSES[dress](value)} ok"]) == {value}, dress


def test_value_without_digits_is_found() -> None:
    value = "correct-horse-battery-staple"
    for dress in ("raw", "base64", "reversed", "pieces of 8"):
        assert watching(value).names_in([f"{WORDS} {DRESSES[dress](value)} {WORDS}"]) == {value}


def test_password_of_a_connection_string_is_found_by_itself() -> None:
    watch = watching("postgres://app:Zq81%2Bkd7xWm40pPs@db.internal:5432/main")
    assert watch.names_in(["psql with Zq81+kd7xWm40pPs please"])
    assert not watch.names_in(["psql at db.internal:5432/main"])


def test_private_key_of_a_service_account_is_found_by_itself() -> None:
    value = lookalikes.make("gcp-service-account-key")
    watch = watching(value)
    private_key = json.loads(value)["private_key"]
    assert watch.names_in([f"here: {private_key}"])
    assert watch.names_in([json.dumps({"k": private_key})])
    assert not watch.names_in([private_key[:100], json.loads(value)["client_email"]])


def test_key_of_another_workspace_sees_nothing() -> None:
    watch, key_id = Watch(), keys.current_id()
    for mark in marks.of_value(VALUE, key_id, TENANT):
        watch.add(keys.of_tenant(key_id, uuid.UUID(int=8)), mark, "foreign")
    assert watch.names_in([VALUE]) == set()


@pytest.mark.parametrize("value", ["", "short1", "aaaaaaaaaaaaaaaaaaaa1", "x" * 5000, "--- / --- / --- / ---"])
def test_value_that_ordinary_text_would_hold_is_refused(value: str) -> None:
    with pytest.raises(InvalidValue):
        marks.measure(value)


HOSTILE = {
    "digits": "0123456789" * 60_000,
    "base64": secrets.token_urlsafe(400_000),
    "hex": secrets.token_hex(300_000),
    "percent": "%41" * 200_000,
    "backslashes": "\\" * 600_000,
    "lines": "aaaaaaaaaaaaaaaaa\n" * 30_000,
    "pairs": "0x" * 300_000,
    "json": json.dumps([{"id": f"in_{n}", "amount": n * 7} for n in range(20_000)]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_work_is_bounded_whatever_comes(name: str) -> None:
    watch = watching(VALUE, *(secrets.token_hex(20) for _ in range(20)))
    began = time.process_time()
    watch.names_in([HOSTILE[name]] * 50)
    assert time.process_time() - began < 20  # a bound on what could hang, not a measurement


def test_what_is_behind_the_limit_is_not_looked_at() -> None:
    watch = watching(VALUE)
    assert watch.names_in(["a " * (search.LONGEST // 2 - 30) + VALUE]) == {VALUE}
    assert watch.names_in(["a " * (search.LONGEST // 2), VALUE]) == set()


def test_a_flood_of_empty_texts_is_left_alone() -> None:
    texts = iter(["", "a"] * 100_000)
    assert watching(VALUE).names_in(texts) == set()
    assert sum(1 for _ in texts) > 150_000, "each text counts for more than its own length"


@pytest.mark.parametrize("number", ["9" * 5000, "0" * 5000 + "115", "x" + "f" * 5000])
def test_a_character_of_endless_digits_hides_nothing_and_breaks_nothing(number: str) -> None:
    assert watching(VALUE).names_in([f"&#{number}; {VALUE} &#{number}"]) == {VALUE}


def test_a_character_with_endless_zeros_is_that_character() -> None:
    first = f"&#{'0' * 5000}{ord(VALUE[0])};"
    assert watching(VALUE).names_in([f"{WORDS} {first}{VALUE[1:]}"]) == {VALUE}


def test_nothing_armed_is_nothing_found() -> None:
    assert Watch().names_in([VALUE]) == set()
