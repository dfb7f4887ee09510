"""Processes are killed by pid in the middle of turns: every number once, and every turn ends."""

import os
import signal
import threading
import time

import pytest
from openai import APIError

from tests.infra.app import App, start
from tests.tool_api import hold, reply
from tests.upstream import calls, text
from tests.workspace import Socket, Workspace, tool

pytestmark = pytest.mark.e2e


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def restart(app: App) -> None:
    """Stop everything as a deploy does, and start it again on the same address."""
    app.stop()
    app.process = start(app.data_dir, app.output, app.env | {"PORT": str(app.port)}).process


def read_until(socket: Socket, count: int) -> list[dict]:
    return [event for _, event in zip(range(count), socket.events(), strict=False)]


def wait_ended(workspace: Workspace, cookie: str, response_id: str, after: int) -> list[dict]:
    deadline = time.monotonic() + 40
    while True:
        try:
            with workspace.socket(cookie) as socket:
                socket.follow(response_id, after)
                return list(socket.events())
        except (OSError, EOFError):
            assert time.monotonic() < deadline, "the web process did not come back"
            time.sleep(0.1)


def test_a_web_process_killed_mid_stream_loses_no_number(workspace: Workspace, upstream, app):
    upstream.queue(text("one two three four five six", deltas=6, fault="hold", after=6), text("the answer, again"))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("tell me")
        seen = read_until(socket, 6)
    kill(app.pids["web"])
    rest = wait_ended(workspace, cookie, seen[0]["response"]["id"], seen[-1]["sequence_number"])
    numbers = [event["sequence_number"] for event in seen + rest]
    assert numbers == list(range(len(numbers)))
    ending = rest[-1]
    assert ending["type"] == "response.completed"
    first, second = ending["response"]["output"]
    assert first["status"] == "incomplete"
    assert second["content"][0]["text"] == "the answer, again"
    # The half sentence of the dead host never enters the context.
    assert [item["role"] for item in upstream.bodies()[1]["input"]] == ["user"]


def test_a_turn_goes_on_after_its_last_committed_step(workspace: Workspace, upstream, api, app):
    api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("x", fault="hold", after=3), text("It is open."))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("look up in_1")
        seen = []
        for event in socket.events():
            seen.append(event)
            if event["type"] == "response.content_part.added" or len(upstream.bodies()) == 2:
                break
    kill(app.pids["web"])
    rest = wait_ended(workspace, cookie, seen[0]["response"]["id"], seen[-1]["sequence_number"])
    assert rest[-1]["type"] == "response.completed"
    kinds = [item["type"] for item in rest[-1]["response"]["output"] if item["status"] != "incomplete"]
    assert kinds == ["mcp_call", "message"]
    assert len(api.requests) == 1  # the committed call is not made again


def test_a_foreground_api_turn_whose_host_died_ends_failed(workspace: Workspace, upstream, app):
    upstream.queue(text("never finished", fault="hold", after=4))
    with workspace.client().responses.create(model="m", input="hi", stream=True) as stream:
        response_id = next(iter(stream)).response.id
        upstream.wait_state("held")
        kill(app.pids["web"])
    deadline = time.monotonic() + 40
    while True:
        try:
            found = workspace.client().responses.retrieve(response_id)
            if found.status == "failed":
                break
        except APIError:
            pass
        assert time.monotonic() < deadline, "the turn did not end"
        time.sleep(0.25)
    assert found.error.code == "server_error"


def test_a_tools_worker_killed_while_sending_repeats_only_what_is_idempotent(workspace: Workspace, upstream, api, app):
    release = threading.Event()
    for name in ("in_safe", "in_once"):
        api.handle(f"/v1/invoices/{name}", hold(release, reply({"id": name, "status": "open"})))
    workspace.load_tools(tool(api.url, "safe"), tool(api.url, "once", request={"idempotent": False, "method": "POST"}))
    upstream.queue(calls(("safe", {"id": "in_safe"}), ("once", {"id": "in_once"})), text("Done."))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("go")
        deadline = time.monotonic() + 20
        while len(api.requests) < 2:
            assert time.monotonic() < deadline, "the calls did not start"
            time.sleep(0.02)
        kill(app.pids["tools"])
        release.set()
        events = list(socket.events(timeout=90))
    outputs = {item["name"]: item for item in events[-1]["response"]["output"] if item["type"] == "mcp_call"}
    assert outputs["safe"]["status"] == "completed"
    assert "outcome_unknown" in outputs["once"]["output"]
    keys = [seen.headers["idempotency-key"] for seen in api.requests if "in_safe" in seen.target]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len([seen for seen in api.requests if "in_once" in seen.target]) == 1


def test_valkey_killed_mid_stream_every_number_once(workspace: Workspace, upstream, app):
    upstream.queue(text("a b c d e f g h i j", deltas=10, fault="hold", after=8))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("hi")
        seen = read_until(socket, 8)
        kill(app.pids["valkey"])
        workspace.unlocked = False  # leases are in Valkey, which keeps nothing
        upstream.release()
        try:
            seen += list(socket.events())
        except EOFError:
            seen += wait_ended(workspace, cookie, seen[0]["response"]["id"], seen[-1]["sequence_number"])
    numbers = [event["sequence_number"] for event in seen]
    assert numbers == list(range(len(numbers)))
    assert seen[-1]["type"] == "response.completed"


def test_a_restart_of_everything_takes_the_turn_up_again(workspace: Workspace, upstream, app):
    upstream.queue(text("slow start", fault="hold", after=5), text("after the restart"))
    cookie = workspace.sign_in()
    with workspace.socket(cookie) as socket:
        socket.create("hi")
        seen = read_until(socket, 5)
    restart(app)
    workspace.unlocked = False  # leases are in Valkey, which keeps nothing
    events = wait_ended(workspace, cookie, seen[0]["response"]["id"], -1)
    ending = events[-1]
    assert ending["response"]["status"] == "completed"
    assert ending["response"]["output"][-1]["content"][0]["text"] == "after the restart"


def test_stop_reaches_the_upstream(workspace: Workspace, upstream):
    upstream.queue(text("this would go on for long", deltas=5, fault="hold", after=6))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("hi")
        seen = read_until(socket, 6)
        socket.send(type="deny_web:stop", response_id=seen[0]["response"]["id"])
        events = list(socket.events())
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"]["deny_web:reason"] == "stopped"
    assert events[-1]["response"]["output"][0]["content"][0]["text"]  # what was shown is kept
    upstream.wait_state("client_gone")


def test_stop_reaches_the_worker(workspace: Workspace, upstream, api):
    release = threading.Event()
    api.handle("/v1/invoices/in_1", hold(release, reply({"id": "in_1", "status": "open"})))
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_1"})))
    try:
        with workspace.socket(workspace.sign_in()) as socket:
            socket.create("go")
            for event in socket.events():
                if event["type"] == "response.created":
                    response_id = event["response"]["id"]
                if event["type"] == "response.mcp_call.in_progress":
                    break
            socket.send(type="deny_web:stop", response_id=response_id)
            events = list(socket.events())
        assert events[-1]["type"] == "response.incomplete"
    finally:
        release.set()


def test_the_same_token_twice_makes_one_turn(workspace: Workspace, upstream):
    upstream.queue(text("once"))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("hi", **{"deny_web:token": "token-of-this-send"})
        first = list(socket.events())
        socket.create("hi", **{"deny_web:token": "token-of-this-send"})
        again = list(socket.events())
    assert again[-1]["response"]["id"] == first[-1]["response"]["id"]
    assert len(upstream.bodies()) == 1


def test_one_active_turn_a_conversation(workspace: Workspace, upstream):
    upstream.queue(text("slow", fault="hold", after=4))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("hi")
        created = read_until(socket, 4)[0]["response"]
        socket.send(type="response.create", input="again", conversation=created["conversation"]["id"])
        while (event := socket.event())["type"] != "error":
            pass
        assert (event["status"], event["error"]["code"]) == (409, "conversation_busy")
        upstream.release()
        assert list(socket.events())[-1]["type"] == "response.completed"


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_an_upstream_that_breaks_off_ends_the_turn_once_and_keeps_the_text(workspace: Workspace, upstream, fault):
    upstream.queue(text("half of a sentence", deltas=4, fault=fault, after=6))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("hi")
        events = list(socket.events())
    assert [event["type"] for event in events].count("response.failed") == 1
    assert events[-1]["response"]["error"]["deny_web:code"] == "upstream_cut"
    assert events[-1]["response"]["output"][0]["content"][0]["text"]


@pytest.mark.parametrize(
    ("malformed", "ending"),
    [
        ("crlf", "response.completed"), ("cr", "response.completed"), ("bom", "response.completed"),
        ("comments", "response.completed"), ("split_utf8", "response.completed"),
        ("one_byte_writes", "response.completed"), ("no_event_names", "response.completed"),
        ("split_data_lines", "response.completed"), ("missing_numbers", "response.completed"),
        ("doubled_numbers", "response.completed"), ("no_numbers", "response.completed"),
        ("long_comment", "response.completed"), ("two_endings", "response.completed"),
        ("events_after_ending", "response.completed"), ("done_marker", "response.completed"),
        ("bad_json", "response.failed"), ("not_objects", "response.failed"),
    ],
)  # fmt: skip
def test_malformed_streams_have_one_ending(workspace: Workspace, upstream, malformed, ending):
    upstream.queue(text("Grüße, 世界 𝄞", deltas=4, malformed=[malformed]))
    events = list(workspace.client().responses.create(model="m", input="hi", stream=True))
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(numbers)))
    assert events[-1].type == ending
    if ending == "response.completed":
        assert events[-1].response.output_text == "Grüße, 世界 𝄞"


def test_a_stream_without_an_ending_is_a_cut(workspace: Workspace, upstream):
    upstream.queue(text("no end", ending="none"))
    events = list(workspace.client().responses.create(model="m", input="hi", stream=True))
    assert events[-1].type == "response.failed"
    assert events[-1].response.error.model_extra["deny_web:code"] == "upstream_cut"
