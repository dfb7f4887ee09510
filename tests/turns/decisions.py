"""Turns that wait for a person's decision: their requests, and the ways to decide them."""

import sqlite3
from contextlib import closing
from typing import Any

from deny_web import rundir
from tests.infra.app import wait_for
from tests.workspace import Socket, Workspace

Json = dict[str, Any]
INVOICE = {"id": "in_1", "status": "open"}


def until_asked(socket: Socket, count: int = 1) -> tuple[str, list[Json], list[Json]]:
    """The response's id, its events up to the last request, and its requests."""
    events: list[Json] = []
    requests: list[Json] = []
    while len(requests) < count:
        event = socket.event()
        assert event["type"] != "error", event
        if event["type"].startswith("deny_web:"):
            continue
        events.append(event)
        if event["type"] == "response.output_item.done" and event["item"]["type"] == "mcp_approval_request":
            requests.append(event["item"])
    return events[0]["response"]["id"], events, requests


def decide(socket: Socket, request: Json, approve: bool) -> None:
    socket.send(type="deny_web:approve", approval_request_id=request["id"], approve=approve)


def made_calls(events: list[Json]) -> list[Json]:
    return [item for item in events[-1]["response"]["output"] if item["type"] == "mcp_call"]


def wait_suspended(workspace: Workspace, response_id: str) -> None:
    """Return once the turn has no host."""
    wait_for(lambda: waits(workspace, response_id), 60, "the turn was not suspended")


def waits(workspace: Workspace, response_id: str) -> bool:
    row = query(workspace, "SELECT host_id, wait_reason FROM chat_response WHERE id = ?", response_id)
    return row == (None, "approval")


def query(workspace: Workspace, sql: str, *values: object) -> Any:
    with closing(sqlite3.connect(rundir.database_path(workspace.app.data_dir), timeout=20)) as connection:
        found = connection.execute(sql, values).fetchone()
        connection.commit()
    return found


def asked(response: Any) -> list[Any]:
    return [item for item in response.output if item.type == "mcp_approval_request"]


def answer(request: Any, approve: bool, **more: Any) -> Json:
    return {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": approve, **more}
