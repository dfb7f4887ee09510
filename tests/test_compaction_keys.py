"""Compactions outlive the server key of their day: stored in a chain, kept by a client, in the old form and the new."""

import base64
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chat import compaction, creation, params
from chat.errors import ApiError
from chat.models import Door, Item, Response, Status
from chat.turn import Turn
from tenants import audit
from tenants.access import Principal
from tests.cast import Cast
from vault import rewrap, sealed_fields, server_keys

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_matrix]
SUMMARY = "They asked for the capital; it is Paris."


@pytest.fixture(autouse=True)
def _own_keys(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.DATA_DIR, settings.DEMO_URL = tmp_path, "http://127.0.0.1:9"
    server_keys.reload()
    audit._key.cache_clear()
    yield
    server_keys.reload()
    audit._key.cache_clear()


def old_form(cast: Cast) -> str:
    """As they were sealed before they had a key of their own."""
    sealed = sealed_fields.seal("compaction", cast.acme.pk, SUMMARY.encode())
    return "dw1." + base64.urlsafe_b64encode(sealed).decode()


def new_form(cast: Cast) -> str:
    return compaction.sealed(cast.acme.pk, SUMMARY.encode())


FORMS = pytest.mark.parametrize("form", [old_form, new_form])


def ask(who: Principal, *items: dict[str, Any], **more: Any) -> Turn:
    said = {"type": "message", "role": "user", "content": "And again?"}
    create = params.parse({"model": "m", "input": [*items, said], **more})
    turn = creation.create(who, create, door=Door.API, host_id=None)
    assert isinstance(turn, Turn)
    return turn


def item(token: str) -> dict[str, Any]:
    return {"type": "compaction", "id": "cmp_1", "encrypted_content": token}


def stored(who: Principal, token: str) -> str:
    """The id of a response that has ended, with the token in its input."""
    turn = ask(who, item(token))
    Response.objects.filter(pk=turn.response_id).update(status=Status.COMPLETED)
    return turn.response_id


def summaries(turn: Turn) -> int:
    return sum(SUMMARY in str(one) for one in turn.context)


def rotate(*words: str) -> str:
    said = io.StringIO()
    call_command("rotate_server_keys", *words, stderr=said)
    return said.getvalue()


@FORMS
def test_a_stored_chain_goes_on_after_its_key_is_retired(cast: Cast, form: Any) -> None:
    old, parent = server_keys.current().id, stored(cast.owner, form(cast))
    assert f"Retired: {old}." in rotate("--retire", "--wait", "0")
    assert [key.id for key in server_keys.all()] == [server_keys.current().id]
    assert summaries(ask(cast.owner, previous_response_id=parent)) == 1
    rotate("--retire", "--wait", "0")
    assert summaries(ask(cast.owner, previous_response_id=parent)) == 1


def test_a_client_s_copy_opens_after_its_key_is_retired(cast: Cast) -> None:
    token = new_form(cast)
    rotate("--retire", "--wait", "0")
    assert summaries(ask(cast.owner, item(token))) == 1
    kept = Path(server_keys.settings.DATA_DIR) / "compaction_keys"
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.unlink()
    with pytest.raises(ApiError) as refused:
        ask(cast.owner, item(token))
    assert refused.value.code == "invalid_encrypted_content"


def test_the_old_form_keeps_its_key_until_it_is_sealed_afresh(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    old = server_keys.current().id
    stored(cast.owner, old_form(cast))
    assert rewrap.used()[old] == 1
    with monkeypatch.context() as none:
        none.setattr(rewrap, "run", lambda told=None: rewrap.Result(0, 0))
        assert "Retired: none" in rotate("--retire", "--wait", "0")
    assert "1 rows sealed afresh" in rotate("--keep")
    assert rewrap.used()[old] == 0
    body = Item.objects.get(body__type="compaction").body
    assert (body["id"], body["encrypted_content"][:4]) == ("cmp_1", "dw2.")


def test_what_a_client_made_up_holds_up_no_rotation(cast: Cast) -> None:
    """Whatever it says it is: noise, not Base64, another workspace's, under a key that was never here."""
    old = server_keys.current().id
    theirs = sealed_fields.seal("compaction", cast.elsewhere.pk, b"x")
    made_up = [theirs, theirs[:4] + os.urandom(99), b"\0\0\0\7" + os.urandom(99), b""]
    tokens = [*(base64.urlsafe_b64encode(one).decode() for one in made_up), "A", "é"]
    parent = stored(cast.owner, new_form(cast))
    for place, token in enumerate(tokens):
        Item.objects.create(
            tenant=cast.acme, response_id=parent, direction="input", position=9 + place, item_id=f"cmp_{place}",
            body=item(f"dw1.{token}"),
        )  # fmt: skip
    assert f"Retired: {old}." in rotate("--retire", "--wait", "0")


@pytest.mark.parametrize("token", ["dw1.", "dw2.", "dw1.é", "dw2.AAAA", "dw2.A"])
def test_a_made_up_token_is_refused(cast: Cast, token: str) -> None:
    with pytest.raises(ApiError) as refused:
        ask(cast.owner, item(token))
    assert (refused.value.status, refused.value.code) == (400, "invalid_encrypted_content")


def test_another_workspace_opens_none(cast: Cast) -> None:
    with pytest.raises(ApiError, match="not made here"):
        ask(cast.owner, item(compaction.sealed(cast.elsewhere.pk, b"theirs")))


def test_no_key_goes_where_what_outlives_it_cannot_be_written_down(cast: Cast) -> None:
    """The file holds the keys of earlier rotations: one that cannot be read is not written over."""
    rotate("--retire", "--wait", "0")
    kept = Path(server_keys.settings.DATA_DIR) / "compaction_keys"
    kept.chmod(0o644)
    before = kept.read_bytes()
    with pytest.raises(CommandError, match="chmod 600"):
        rotate("--retire", "--wait", "0")
    assert (kept.read_bytes(), len(server_keys.all())) == (before, 2)
