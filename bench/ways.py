"""The ways to ask, and the columns that each of them is measured in."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import uvloop

from bench import client
from bench.figures import Row
from bench.load import LONGEST, SHORTEST, Load
from bench.server import Server

Ask = Callable[..., Coroutine[Any, Any, Load]]

BURST, PACED, SHORT, ONE = "burst-100", "paced-200-10", "paced-5-10", "burst-1"
MODELS = (BURST, PACED, SHORT, ONE)


@dataclass(frozen=True)
class Way:
    """One row: a door, whether the answer is stored, whether it goes on from the last one, whether a tool is called."""

    name: str
    title: str
    ask: Ask = client.http
    store: bool = False
    chained: bool = False
    tool: bool = False


_CHAIN = f"a stored chain of {SHORTEST} to {LONGEST}"
DIRECT = Way("direct", "nothing (direct)")
LITELLM = Way("litellm", "LiteLLM, HTTP")
OURS = (
    Way("http", "HTTP, store: false"),
    Way("http-stored", "HTTP, store: true", store=True),
    Way("http-chain", f"HTTP, {_CHAIN}", store=True, chained=True),
    Way("socket", "WebSocket, store: false", client.socket),
    Way("socket-stored", "WebSocket, store: true", client.socket, store=True),
    Way("socket-chain", f"WebSocket, {_CHAIN}", client.socket, store=True, chained=True),
    Way("http-tool", "HTTP, store: true, one tool call", store=True, tool=True),
    Way("socket-tool", "WebSocket, store: true, one tool call", client.socket, store=True, tool=True),
)


def measure(way: Way, server: Server, seconds: float, title: str = "") -> Row:
    """All columns of a row."""
    row = Row(title or way.title)

    def run(model: str, connections: int, *, stream: bool = True, **how: Any) -> Load:
        body = {"model": f"tool-{model}" if way.tool else model, "input": "hi", "stream": stream, "store": way.store}
        asked = way.ask(server.url, server.key, body, connections=connections, chained=way.chained, **how)
        return uvloop.run(asked)

    run(SHORT, 4, times=5)  # warm
    idle = server.memory()
    one, many = run(SHORT, 1, times=50), run(PACED, 64, spread=1.0)
    row.first, row.whole = (one.first, many.first), (one.length, many.length)
    row.burst = run(BURST, 64, seconds=seconds).rate
    before = server.cpu()
    with server.peak() as peak:
        load = run(PACED, 256, spread=1.0)
    row.paced, row.memory = load.rate, (idle, max(peak))
    row.cpu = (server.cpu() - before) / load.deltas
    if way.ask is client.http:
        row.requests = run(ONE, 64, stream=False, seconds=seconds).requests_rate
    return row
