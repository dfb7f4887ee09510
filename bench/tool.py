"""What one call of a workspace's tool costs: the ledger, the broker, the worker, the vault, the audit row."""

import json
import secrets
from contextlib import AsyncExitStack
from statistics import median

import uvloop

from bench import client
from bench.app import SLUG, App
from bench.figures import ToolCall
from bench.load import Connection
from bench.mock import TOOL
from bench.server import Server
from bench.ways import ONE, OURS, Way

ROUNDS = 100
WAYS = tuple(way for way in OURS if not way.chained and not way.tool)
_LABEL = "bench"
_WARM = 10
_PATH = "/jobs/"


def prepare(app: App, upstream: Server) -> None:
    """Gives the workspace the tool and its credential, and opens the vault. The mock answers as the tool's API."""
    app.manage("vault", "put", SLUG, _LABEL, given=secrets.token_urlsafe(24))
    app.manage("vault", "unlock", SLUG, "--ttl", "3600")
    tool = {
        "name": TOOL,
        "description": "Look up a job's status by its id.",
        "parameters": {
            "type": "object",
            "properties": {"id": {"type": "string"}},
            "required": ["id"],
            "additionalProperties": False,
        },
        "request": {"method": "GET", "url": f"{upstream.url}{_PATH}{{id}}", "timeout": 10, "idempotent": True},
        "credential": {"label": _LABEL, "in": "bearer"},
        "result": "{id: id, status: status}",
        "approval": "auto",
    }
    app.manage("tools", "load", SLUG, "-", given=json.dumps([tool]))


def measure(way: Way, app: App, upstream: Server) -> ToolCall:
    """One stream at a time; turns with the tool, without it, and the direct calls take turns on a changing machine."""
    return uvloop.run(_measure(way, app, upstream))


async def _measure(way: Way, app: App, upstream: Server) -> ToolCall:
    plain = {"model": ONE, "input": "hi", "stream": True, "store": way.store}
    called = plain | {"model": f"tool-{ONE}"}
    async with AsyncExitStack() as stack:
        door: Connection
        if way.ask is client.socket:
            plain, called = client.frame(plain), client.frame(called)
            door = (await stack.enter_async_context(client.over_socket(app.url, app.key, 1)))[0]
        else:
            door = (await stack.enter_async_context(client.over_http(app.url, app.key, 1)))[0]
        model = (await stack.enter_async_context(client.over_http(upstream.url, upstream.key, 1)))[0]
        api = (await stack.enter_async_context(client.over_http(upstream.url, "none", 1, f"GET {_PATH}job_1")))[0]
        direct = {"model": ONE, "input": "hi", "stream": True}
        asked: dict[str, tuple[Connection, bytes]] = {
            "plain": (door, json.dumps(plain).encode()),
            "called": (door, json.dumps(called).encode()),
            "model": (model, json.dumps(direct).encode()),
            "tool": (api, b""),
        }
        found: dict[str, list[float]] = {name: [] for name in asked}
        for number in range(_WARM + ROUNDS):
            for name, (connection, body) in asked.items():
                answer = await connection.ask(body)
                if number >= _WARM:
                    found[name].append(answer.ended - answer.began)
    return ToolCall(way.title, **{name: median(times) for name, times in found.items()})
