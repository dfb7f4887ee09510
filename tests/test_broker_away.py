"""What is accepted while the broker is away: it stands in the database, where recovery finds it."""

import pytest
from kombu.exceptions import OperationalError

from chat import params
from chat.doors import starting
from chat.models import Door, Response, Status
from deny_web import celery, db
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def away(monkeypatch: pytest.MonkeyPatch, settings) -> None:
    settings.DEMO_URL = "http://127.0.0.1:9"

    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(celery.app, "send_task", refuse)


async def test_a_background_response_is_accepted_and_waits(cast: Cast) -> None:
    create = params.parse({"model": "m", "input": "hi", "background": True})
    made = await starting.start(lambda: cast.owner, create, Door.API)
    row = await db.run(Response.objects.get, pk=made)
    assert (row.status, row.host_id) == (Status.QUEUED, None)


def test_whoever_asks_is_told_that_nobody_heard(caplog: pytest.LogCaptureFixture) -> None:
    assert not celery.ask("turns.host", "resp_1")
    assert "turns.host waits for the broker" in caplog.text
    assert "no broker" not in caplog.text
