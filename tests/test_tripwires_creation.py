"""A message that carries a honeytoken is accepted with its alert, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from chat import creation, params
from chat.errors import ApiError
from chat.models import Conversation, Door, Item, Response
from chat.turn import Turn
from tenants import access
from tenants.access import Act
from tenants.models import AuditRow
from tests.tripwire_cast import VALUE, Trap, arm
from vault.models import Honeytoken, Sighting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_matrix]


@pytest.fixture
def trap(cast, settings) -> Trap:
    settings.DEMO_URL = "http://127.0.0.1:9"
    return arm(cast)


@contextmanager
def refusing(verb: str) -> Iterator[None]:
    """Let the audit rows of this verb fail, as a full disk would make them fail."""
    table = AuditRow._meta.db_table
    if connection.vendor == "sqlite":
        up = [
            f"CREATE TRIGGER refuses BEFORE INSERT ON {table} WHEN NEW.verb = '{verb}' "
            "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        ]
        down = ["DROP TRIGGER refuses"]
    else:
        up = [
            "CREATE FUNCTION refuses() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$ LANGUAGE plpgsql",
            f"CREATE TRIGGER refuses BEFORE INSERT ON {table} FOR EACH ROW WHEN (NEW.verb = '{verb}') "
            "EXECUTE FUNCTION refuses()",
        ]
        down = [f"DROP TRIGGER refuses ON {table}", "DROP FUNCTION refuses"]
    _execute(up)
    try:
        yield
    finally:
        _execute(down)


def _execute(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for one in statements:
            cursor.execute(one)


def send(trap: Trap, door: Door = Door.API, text: str = VALUE, **more: Any) -> Turn:
    create = params.parse({"model": "m", "input": text, **more})
    who = access.for_session(trap.cast.alice, "acme", Act.CHAT)
    turn = creation.create(who, create, door=door, host_id=None)
    assert isinstance(turn, Turn)
    return turn


def started(trap: Trap) -> Conversation:
    return Conversation.objects.create(tenant=trap.cast.acme, created_by=trap.cast.alice, changed_at=timezone.now())


@pytest.mark.parametrize("door", [Door.API, Door.BROWSER, Door.BACKGROUND])
@pytest.mark.parametrize("store", [True, False])
def test_without_its_alert_nothing_is_accepted(trap: Trap, door: Door, store: bool) -> None:
    """Else a row stays in progress that no host knows, and somebody is told that nothing was taken."""
    with refusing("tripwire.sighted"), pytest.raises(DatabaseError):
        send(trap, door, store=store)
    assert not Response.objects.exists()
    assert not Item.objects.exists()
    assert not Sighting.objects.exists()
    assert Honeytoken.objects.get().sighted == 0


def test_without_its_alert_a_conversation_stays_free(trap: Trap) -> None:
    talk = started(trap)
    with refusing("tripwire.sighted"), pytest.raises(DatabaseError):
        send(trap, Door.BROWSER, conversation=talk.pk)
    talk.refresh_from_db()
    assert (talk.active_id, talk.leaf_id) == (None, None)
    turn = send(trap, Door.BROWSER, conversation=talk.pk)
    talk.refresh_from_db()
    assert talk.active_id == turn.response_id


@pytest.mark.parametrize("door", [Door.API, Door.BROWSER, Door.BACKGROUND])
@pytest.mark.parametrize("store", [True, False])
def test_the_alert_names_the_response(trap: Trap, door: Door, store: bool) -> None:
    turn = send(trap, door, "hi", instructions=VALUE, store=store)
    (row,) = trap.raised()
    assert (row.place, row.detail, row.response_id) == (Sighting.Place.MESSAGE, door, turn.response_id)


def test_a_busy_conversation_is_refused_as_ever(trap: Trap) -> None:
    talk = started(trap)
    send(trap, Door.BROWSER, "hi", conversation=talk.pk)
    with pytest.raises(ApiError, match="still answering"):
        send(trap, Door.BROWSER, conversation=talk.pk)
