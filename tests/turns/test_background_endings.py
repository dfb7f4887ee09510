"""Background responses that end, and the webhooks that tell of it: posted by real workers, read by the real SDK."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from tests import tool_api
from tests.infra.app import App, wait_for
from tests.infra.beside import app_beside
from tests.promises.workers import flush
from tests.upstream import error, text
from tests.webhook_receiver import Received, Receiver
from tests.workspace import Workspace

pytestmark = pytest.mark.e2e
ENDINGS = ("response.completed", "response.failed", "response.incomplete", "response.cancelled")


@pytest.fixture(scope="module")
def _receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def app(migrated_dir: Path, api_server: tool_api.ToolApi, _receiver: Receiver) -> Iterator[App]:
    """The app, allowed to post to the receiver though it is on loopback."""
    with app_beside(migrated_dir, api_server, TOOL_ALLOWED_HOSTS=f"{api_server.host},{_receiver.host}") as running:
        yield running


@pytest.fixture(scope="module")
def secret(acme: Workspace, _receiver: Receiver) -> str:
    """The signing secret of a webhook on all endings, added through the console."""
    return acme.add_webhook(_receiver.url, *ENDINGS)


@pytest.fixture
def receiver(_receiver: Receiver) -> Receiver:
    """The file's receiver, with nothing received yet."""
    _receiver.received.clear()
    _receiver.answers.clear()
    _receiver.gate.set()
    return _receiver


def told(client: OpenAI, receiver: Receiver, secret: str, event_type: str, response_id: str) -> Received:
    """The one event of this type, once it came: its signature holds, and it names the response."""
    wait_for(lambda: receiver.events(event_type), 60, f"no {event_type}")
    (received,) = receiver.events(event_type)
    event = client.webhooks.unwrap(received.body, received.headers, secret=secret)
    assert event.type == event_type
    assert event.data.id == response_id
    return received


def test_completed_and_failed_are_told(workspace: Workspace, upstream, receiver: Receiver, secret: str):
    upstream.queue(text("Done."), error(400))
    client = workspace.client()
    for event_type in ("response.completed", "response.failed"):
        made = client.responses.create(model="m", input="go", background=True)
        told(client, receiver, secret, event_type, made.id)
        assert f"response.{client.responses.retrieve(made.id).status}" == event_type
    assert not receiver.events("response.incomplete")


def test_incomplete_is_told_and_a_foreground_response_is_not(
    workspace: Workspace, upstream, receiver: Receiver, secret: str
):
    upstream.queue(text("In the foreground."), text("Too long.", ending="incomplete"))
    client = workspace.client()
    client.responses.create(model="m", input="go")
    made = client.responses.create(model="m", input="go", background=True)
    told(client, receiver, secret, "response.incomplete", made.id)
    assert len(receiver.received) == 1


def test_cancelled_response_says_so_everywhere(workspace: Workspace, upstream, receiver: Receiver, secret: str):
    upstream.queue(text("Never all of it.", fault="hold", after=4))
    client = workspace.client()
    with client.responses.create(model="m", input="go", background=True, stream=True) as stream:
        events = iter(stream)
        first = [next(events) for _ in range(3)]
        response_id = first[0].response.id
        upstream.wait_state("held")
        cancelled = client.responses.cancel(response_id)
        last = list(events)[-1]
    assert [event.type for event in first] == ["response.created", "response.queued", "response.in_progress"]
    assert cancelled.status == "cancelled"
    assert cancelled.incomplete_details is None
    assert (last.type, last.response.status) == ("response.incomplete", "cancelled")
    assert client.responses.cancel(response_id) == client.responses.retrieve(response_id) == cancelled
    told(client, receiver, secret, "response.cancelled", response_id)
    upstream.release()


def test_refused_event_comes_again_under_the_same_id(workspace: Workspace, upstream, receiver: Receiver, secret: str):
    upstream.queue(text("Done."))
    receiver.answers = [500]
    client = workspace.client()
    client.responses.create(model="m", input="go", background=True)
    wait_for(lambda: len(receiver.received) == 2, 30, "it did not come again")
    first, second = receiver.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    client.webhooks.verify_signature(second.body, second.headers, secret=secret)


def test_event_whose_worker_was_killed_comes_again(workspace: Workspace, upstream, receiver: Receiver, secret: str):
    upstream.queue(text("Done."))
    receiver.gate.clear()
    client = workspace.client()
    made = client.responses.create(model="m", input="go", background=True)
    wait_for(lambda: receiver.received, 60, "nothing came")
    workspace.app.kill("turns")
    receiver.received.clear()
    receiver.gate.set()
    wait_for(lambda: receiver.received, 60, "it did not come again")
    told(client, receiver, secret, "response.completed", made.id)


def test_event_survives_a_flush_of_valkey(workspace: Workspace, upstream, receiver: Receiver, secret: str):
    upstream.queue(text("Done."))
    receiver.answers = [500]
    client = workspace.client()
    made = client.responses.create(model="m", input="go", background=True)
    wait_for(lambda: receiver.received, 60, "nothing came")
    flush(workspace.app)
    receiver.received.clear()
    told(client, receiver, secret, "response.completed", made.id)
