"""Tasks that come ten times, workers that sleep past their deadline, a flushed Valkey, a database that is away.

An effect happens at most once, every accepted turn ends, and nothing stays in progress: `settled` asks the database.
"""

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.infra.app import App, wait_for
from tests.promises import database, workers
from tests.tool_api import hold, reply
from tests.upstream import calls, text
from tests.workspace import Workspace, tool

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("settled")]
OPEN = {"id": "in_1", "status": "open"}


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process sleeps, connections open and claims in its hands, and wakes up not knowing it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def check_numbers(events: list[dict[str, Any]]) -> None:
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def outputs(events: list[dict[str, Any]]) -> list[Any]:
    return [json.loads(item["output"]) for item in events[-1]["response"]["output"] if item["type"] == "mcp_call"]


def ended(workspace: Workspace, response_id: str, seconds: float = 60) -> Any:
    client = workspace.client()
    found: list[Any] = []

    def look() -> bool:
        found[:] = [client.responses.retrieve(response_id)]
        return found[0].status not in {"queued", "in_progress"}

    wait_for(look, seconds, lambda: f"still {found}")
    return found[0]


def test_a_call_that_is_delivered_ten_times_is_made_once(workspace: Workspace, upstream, api, app) -> None:
    release = threading.Event()
    api.handle("/v1/invoices/in_1", hold(release, reply(OPEN)))
    workspace.load_tools(tool(api.url, request={"method": "POST", "idempotent": False}))
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("Done."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        api.wait_for(1)
        ((call_id,),) = database.query(app, "SELECT id FROM chat_toolcall WHERE state = 'sending'")
        workers.deliver(app, "tools.execute", str(uuid.UUID(call_id)), 10)
        time.sleep(1)  # sixteen threads have looked at it by then
        release.set()
        events = list(socket.events())
    workers.deliver(app, "tools.execute", str(uuid.UUID(call_id)), 10)
    time.sleep(0.5)
    check_numbers(events)
    assert (events[-1]["type"], outputs(events)) == ("response.completed", [OPEN])
    assert len(api.requests) == 1


def test_a_background_turn_that_is_delivered_ten_times_runs_once(workspace: Workspace, upstream, app) -> None:
    upstream.queue(text("in the background", fault="hold", after=4))
    made = workspace.client().responses.create(model="m", input="hi", background=True)
    upstream.wait_state("held")
    workers.deliver(app, "turns.host", made.id, 10)
    time.sleep(1)
    upstream.release()
    found = ended(workspace, made.id)
    workers.deliver(app, "turns.host", made.id, 10)
    time.sleep(0.5)
    assert (found.status, found.output_text) == ("completed", "in the background")
    assert len(upstream.bodies()) == 1


def test_a_tools_worker_that_sleeps_past_its_deadline_is_overtaken(workspace: Workspace, upstream, api, app) -> None:
    """The call may go once: it is unknown, and the sleeper's late answer changes nothing. The other is sent again."""
    release = threading.Event()
    for name in ("in_safe", "in_once"):
        api.handle(f"/v1/invoices/{name}", hold(release, reply({"id": name, "status": "from the sleeper"})))
    once = {"method": "POST", "idempotent": False, "timeout": 60}
    workspace.load_tools(tool(api.url, "safe", request={"timeout": 60}), tool(api.url, "once", request=once))
    upstream.queue(calls(("safe", {"id": "in_safe"}), ("once", {"id": "in_once"})), text("Done."))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        api.wait_for(2)
        with workers.another(app, "tools"), stopped(app.pids["tools"]):
            api.handle("/v1/invoices/in_safe", reply({"id": "in_safe", "status": "from the other"}))
            events = list(socket.events(timeout=60))
            release.set()
        before = database.query(app, "SELECT id, state, result FROM chat_toolcall ORDER BY id")
        time.sleep(1.5)  # the sleeper wakes and brings what nobody waits for
        assert database.query(app, "SELECT id, state, result FROM chat_toolcall ORDER BY id") == before
    check_numbers(events)
    safe, once_told = outputs(events)
    assert (safe["status"], once_told["error"]) == ("from the other", "outcome_unknown")
    assert len([seen for seen in api.requests if "in_once" in seen.target]) == 1
    assert len({seen.headers["idempotency-key"] for seen in api.requests if "in_safe" in seen.target}) == 1


def test_a_turns_worker_that_sleeps_past_its_deadline_is_overtaken(workspace: Workspace, upstream, app) -> None:
    upstream.queue(text("the sleeper's half", fault="hold", after=5), text("the other's answer"))
    with workers.another(app, "turns") as other:
        sleeper = app.pids["turns"]
        made = workspace.client().responses.create(model="m", input="hi", background=True)
        upstream.wait_state("held")
        ((host,),) = database.query(app, "SELECT host_id FROM chat_response WHERE id = ?", made.id)
        if f"_{other}_" in f"{host}_":
            sleeper = other
        with stopped(sleeper):
            found = ended(workspace, made.id)
            upstream.release()
        time.sleep(1.5)  # it wakes and wants to go on with what is not its own any more
        stream = list(workspace.client().responses.retrieve(made.id, stream=True))
    assert found.status == "completed"
    check_numbers([json.loads(event.model_dump_json()) for event in stream])
    assert [event.type for event in stream].count("response.completed") == 1
    assert workspace.client().responses.retrieve(made.id).output == found.output
    assert found.output[-1].content[0].text == "the other's answer"


def test_a_flush_in_the_middle_of_a_turn_and_of_a_call(workspace: Workspace, upstream, api, app) -> None:
    release = threading.Event()
    api.handle("/v1/invoices/in_1", hold(release, reply(OPEN)))
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("a b c d e f", deltas=6, fault="hold", after=6))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go")
        api.wait_for(1)
        workers.flush(app)
        workspace.unlocked = False  # leases are in Valkey, and the call has the credential already
        release.set()
        seen = []
        for event in socket.events():
            seen.append(event)
            if event["type"] == "response.output_text.delta":
                break
        upstream.wait_state("held")
        workers.flush(app)
        upstream.release()
        seen += list(socket.events())
    check_numbers(seen)
    assert (seen[-1]["type"], outputs(seen)) == ("response.completed", [OPEN])
    assert len(api.requests) == 1


def test_a_flush_of_the_queue_loses_no_call(workspace: Workspace, upstream, api, app) -> None:
    api.handle("/v1/invoices/in_1", reply(OPEN))
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("Done."))
    with workspace.socket(workspace.sign_in()) as socket:
        with stopped(app.pids["tools"]):
            socket.create("go")
            wait_for(lambda: database.query(app, "SELECT 1 FROM chat_toolcall WHERE state = 'queued'"), 60, "no call")
            workers.flush(app)
            workspace.unlocked = False
        database.execute(app, "UPDATE chat_toolcall SET deadline = '2020-01-01 00:00:00' WHERE state = 'queued'")
        events = list(socket.events(timeout=60))
    check_numbers(events)
    assert events[-1]["type"] == "response.completed"
    assert outputs(events)[0] == OPEN or outputs(events)[0]["error"] == "vault_locked"
    assert len(api.requests) <= 1


def test_turns_outlive_a_database_that_is_away(workspace: Workspace, upstream, api, app) -> None:
    """25 s without a write: a browser's turn with a call under way, an API stream and a background turn."""
    release = threading.Event()
    api.handle("/v1/invoices/in_1", hold(release, reply(OPEN)))
    workspace.load_tools(tool(api.url, request={"timeout": 60}))
    upstream.queue(
        calls(("get_invoice", {"id": "in_1"}), model="browser"),
        text("It is open.", model="browser"),
        text("for the API", fault="hold", after=4, model="api"),
        text("in the background", fault="hold", after=4, model="background", times=2),
    )
    client = workspace.client()
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("go", model="browser")
        api.wait_for(1)
        stream = client.responses.create(model="api", input="hi", stream=True)
        first = next(iter(stream)).response.id
        background = client.responses.create(model="background", input="hi", background=True).id
        upstream.wait_state("held", 2)
        with _away(app, 25):
            release.set()
            upstream.release()
        events = list(socket.events(timeout=60))
    kinds = [event.type for event in stream]
    upstream.release()  # the background turn may have been taken over, which asks the model again
    check_numbers(events)
    assert (events[-1]["type"], outputs(events)) == ("response.completed", [OPEN])
    # The worker could not write its outcome for long, so that the call, which may, went out once more.
    assert len({seen.headers["idempotency-key"] for seen in api.requests}) == 1
    # The API's turn may have been given up: its host left no sign of life. Its client is told so.
    assert kinds[-1] in {"response.completed", "response.failed"}
    assert ended(workspace, first).status in {"completed", "failed"}
    releasing = threading.Timer(3, upstream.release)
    releasing.start()
    assert ended(workspace, background).status == "completed"
    releasing.join()
    upstream.reset()


def test_a_row_that_its_living_host_does_not_know_ends(workspace: Workspace, upstream, app) -> None:
    """A reader who leaves while its response is being made leaves one, or an answer that was lost on the way."""
    upstream.queue(text("an answer"))
    made = workspace.client().responses.create(model="m", input="hi")
    host = "(SELECT id FROM chat_host WHERE id LIKE ?)"
    database.execute(
        app,
        f"UPDATE chat_response SET status = 'in_progress', ended_at = NULL, host_id = {host} WHERE id = ?",
        f"%_{app.pids['web']}_%",
        made.id,
    )
    assert database.query(app, "SELECT host_id FROM chat_response WHERE id = ?", made.id)[0][0]
    assert ended(workspace, made.id).status == "failed"


@contextmanager
def _away(app: App, seconds: float) -> Iterator[None]:
    """Nobody can write to the database for that long; what happens meanwhile happens at the start."""
    connection = database.connect(app)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        yield
        time.sleep(max(0, began + seconds - time.monotonic()))
        connection.execute("ROLLBACK")
    finally:
        connection.close()
