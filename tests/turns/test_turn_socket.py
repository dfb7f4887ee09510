"""The Responses protocol over WebSocket, spoken by the SDK's own client with an API key."""

import time

import pytest
from openai import NotFoundError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.tool_api import reply
from tests.upstream import calls, error, text, thinking
from tests.workspace import Workspace, tool

pytestmark = pytest.mark.e2e


def turn(connection, **create):
    """Send one create and read to its ending (or its error)."""
    connection.response.create(model="m", **create)
    events = []
    for event in connection:
        events.append(event)
        if event.type in ("response.completed", "response.failed", "response.incomplete", "error"):
            return events
    raise AssertionError("the connection ended before the response did")


def test_several_turns_follow_each_other_on_one_connection(workspace: Workspace, upstream):
    upstream.queue(text("one"), text("two"))
    with workspace.client().responses.connect() as connection:
        first = turn(connection, input="a")
        second = turn(connection, input="b", previous_response_id=first[-1].response.id)
    assert [event.sequence_number for event in first] == list(range(len(first)))
    assert second[-1].response.output_text == "two"
    assert [item["content"][0]["text"] for item in upstream.bodies()[1]["input"]] == ["a", "one", "b"]


def test_what_is_not_stored_goes_on_in_its_connection_and_nowhere_else(workspace: Workspace, upstream):
    upstream.queue(text("one"), text("two"))
    with workspace.client().responses.connect() as connection:
        first = turn(connection, input="a", store=False)[-1].response
        second = turn(connection, input="b", store=False, previous_response_id=first.id)[-1].response
        assert second.previous_response_id == first.id
        assert [item["content"][0]["text"] for item in upstream.bodies()[1]["input"]] == ["a", "one", "b"]
        # Only the last response is kept.
        assert turn(connection, input="c", previous_response_id=first.id)[-1].error.code == (
            "previous_response_not_found"
        )
    with workspace.client().responses.connect() as connection:
        lost = turn(connection, input="c", previous_response_id=second.id)[-1]
    assert (lost.status, lost.error.code) == (400, "previous_response_not_found")


def test_a_failed_continuation_drops_what_it_continued(workspace: Workspace, upstream):
    upstream.queue(text("one"), error(400, "invalid_prompt"))
    with workspace.client().responses.connect() as connection:
        first = turn(connection, input="a", store=False)[-1].response
        failed = turn(connection, input="b", store=False, previous_response_id=first.id)
        assert failed[-1].type == "response.failed"
        again = turn(connection, input="b", store=False, previous_response_id=first.id)[-1]
        assert again.error.code == "previous_response_not_found"


def test_a_warm_up_asks_nobody_and_can_be_continued(workspace: Workspace, upstream):
    upstream.queue(text("warm"))
    with workspace.client().responses.connect() as connection:
        warm = turn(connection, input="context first", generate=False)[-1]
        assert warm.type == "response.completed"
        assert warm.response.output == []
        assert not upstream.bodies()
        turn(connection, input="now", previous_response_id=warm.response.id)
    assert [item["content"][0]["text"] for item in upstream.bodies()[0]["input"]] == ["context first", "now"]


def test_one_response_at_a_time(workspace: Workspace, upstream):
    upstream.queue(text("slow", fault="hold", after=4))
    with workspace.client().responses.connect() as connection:
        connection.response.create(model="m", input="a")
        assert connection.recv().type == "response.created"
        connection.response.create(model="m", input="b")
        seen = [connection.recv()]
        while seen[-1].type != "error":
            seen.append(connection.recv())
        assert seen[-1].error.code == "response_in_progress"
        upstream.release()
        while connection.recv().type != "response.completed":
            time.sleep(0)


def test_a_bad_key_is_refused(workspace: Workspace):
    address = workspace.app.url.replace("http", "ws") + "/v1/responses"
    with connect(address, additional_headers={"Authorization": "Bearer dw_nothing"}) as refused:
        with pytest.raises(ConnectionClosed):
            refused.recv(timeout=10)
        assert refused.close_code == 4401


@pytest.mark.parametrize(
    "frame", ["", "{", "[]", "1", '{"type":1}', '{"type":"nope"}', '{"type":"response.create","input":3}']
)
def test_a_bad_frame_gets_an_error_and_the_connection_stays(workspace: Workspace, upstream, frame):
    upstream.queue(text("fine"))
    with workspace.socket(workspace.sign_in()) as socket:
        socket.connection.send(frame)
        event = socket.event()
        while event["type"] != "error":
            event = socket.event()
        assert event["status"] == 400
        socket.create("still there?")
        assert list(socket.events())[-1]["type"] == "response.completed"


def test_a_stored_response_keeps_the_unstored_ones_that_it_continues(workspace: Workspace, upstream):
    upstream.queue(thinking("Let me see.", then=text("one")).but(seals=True), text("two"), text("three"))
    client = workspace.client()
    with client.responses.connect() as connection:
        first = turn(connection, input="a", store=False)[-1].response
        second = turn(connection, input="b", store=True, previous_response_id=first.id)[-1].response
    with client.responses.connect() as connection:
        turn(connection, input="c", previous_response_id=second.id)
    before, after = (body["input"] for body in upstream.bodies()[1:])
    assert [item["content"][0]["text"] for item in after if item["type"] == "message"] == ["a", "one", "b", "two", "c"]
    assert after[: len(before)] == before  # to the upstream there is no seam
    listed = client.responses.input_items.list(second.id, order="asc").data
    assert [item.type for item in listed] == ["message", "reasoning", "message", "message"]
    shown = {item.id for item in listed}
    assert not shown & {item.get("id") for item in before}  # an upstream's names are its own
    assert listed[1].encrypted_content is None
    with pytest.raises(NotFoundError):
        client.responses.retrieve(first.id)


def test_a_stored_response_keeps_the_calls_of_unstored_ones_but_no_keys_that_came_with_tools(
    workspace: Workspace, upstream, api
):
    api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("open"), text("two"), text("three"))
    server = {"type": "mcp", "server_label": "theirs", "server_url": "https://mcp.example", "authorization": "k-9c41"}
    added = {"type": "additional_tools", "role": "developer", "tools": [server]}
    client = workspace.client()
    with client.responses.connect() as connection:
        first = turn(connection, input=[added, {"role": "user", "content": "a"}], store=False)[-1].response
        second = turn(connection, input="b", previous_response_id=first.id)[-1].response
    client.responses.create(model="m", input="c", previous_response_id=second.id)
    before, after = (body["input"] for body in upstream.bodies()[2:])
    assert before[0]["tools"] == [server]
    assert "k-9c41" not in str(after)
    assert after[1 : len(before)] == before[1:]
    kinds = [item["type"] for item in after]
    assert kinds[:4] == ["additional_tools", "message", "function_call", "function_call_output"]
    assert "k-9c41" not in client.responses.input_items.list(second.id).model_dump_json()


def test_frames_are_not_compressed(workspace: Workspace):
    """What a stranger says and what a tool answered would share a length; and each socket would hold zlib's memory."""
    address = f"ws{workspace.app.url.removeprefix('http')}/v1/responses"
    with connect(address, additional_headers={"Authorization": f"Bearer {workspace.key}"}) as opened:
        assert opened.request.headers["Sec-WebSocket-Extensions"].startswith("permessage-deflate")
        assert opened.protocol.extensions == []
