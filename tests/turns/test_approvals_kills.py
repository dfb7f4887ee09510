"""Tools that ask: what waits for a person keeps waiting, whatever happens to its processes meanwhile."""

import json
import threading
import time

import pytest

from tests.infra.app import App, start
from tests.tool_api import hold, reply
from tests.turns.decisions import INVOICE, decide, made_calls, until_asked, wait_suspended, waits
from tests.upstream import calls, text
from tests.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("asking")]


def test_a_waiting_turn_survives_a_kill_of_web_and_a_restart_of_everything(
    workspace: Workspace, upstream, api, app: App
):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("After all that."))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("go")
        response_id, before, [request] = until_asked(socket)
        wait_suspended(workspace, response_id)
    app.kill("web")
    app.stop()
    app.process = start(app.data_dir, app.output, app.env | {"PORT": str(app.port)}).process
    app.wait_ready()
    workspace.unlocked = False  # leases are in Valkey, which keeps nothing
    with workspace.socket(cookie) as socket:
        socket.follow(response_id, -1)
        while (event := socket.event())["type"] != "deny_web:snapshot":
            assert event["type"] != "error"
        assert event["sequence_number"] >= before[-1]["sequence_number"]
        assert [item["id"] for item in event["response"]["output"]] == [request["id"]]
        assert waits(workspace, response_id)
        decide(socket, request, True)
        rest = list(socket.events())
    assert rest[0]["sequence_number"] > event["sequence_number"]
    [call] = made_calls(rest)
    assert json.loads(call["output"])["error"] == "vault_locked"  # the lease that it was proposed under is gone
    assert rest[-1]["response"]["status"] == "completed"


def test_a_host_killed_before_it_suspended_leaves_the_call_waiting(workspace: Workspace, upstream, api, app: App):
    release = threading.Event()
    api.handle("/v1/invoices/in_2", hold(release, reply(INVOICE | {"id": "in_2"})))
    upstream.queue(calls(("refund", {"id": "in_1"}), ("get_invoice", {"id": "in_2"})), text("Both done."))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("go")
        response_id, _, [request] = until_asked(socket)
        api.wait_for(1)
        app.kill("web")  # it waits for the other call, and has not suspended
    release.set()
    wait_suspended(workspace, response_id)
    app.wait_ready()
    with workspace.socket(cookie) as socket:
        decide(socket, request, True)
        socket.follow(response_id, -1)
        events = list(socket.events())
    assert sorted(call["status"] for call in made_calls(events)) == ["completed", "completed"]
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(len(numbers)))
    assert len(api.requests) == 2


def test_a_host_killed_while_a_call_waits_leaves_it_waiting(workspace: Workspace, upstream, api, app: App):
    upstream.queue(calls(("refund", {"id": "in_1"})), text("Done."))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("go")
        response_id, _, [request] = until_asked(socket)
        wait_suspended(workspace, response_id)
    for name in ("web", "turns", "tools"):
        app.kill(name)
    app.wait_ready()
    time.sleep(3)  # more than one round of recovery
    assert waits(workspace, response_id)
    with workspace.socket(cookie) as socket:
        decide(socket, request, True)
        socket.follow(response_id, -1)
        events = list(socket.events())
    assert [call["status"] for call in made_calls(events)] == ["completed"]
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(len(numbers)))
    assert len(api.requests) == 1
