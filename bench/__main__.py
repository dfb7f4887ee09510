"""``python -m bench``: what the app costs, as ratios to calling the same mock upstream directly in the same run.

On a machine with two cores or more, the server under test has the first to itself; the mock, the load and the app's
other processes share the rest. Absolute figures are of one machine; the ratios hold.
"""

import argparse
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import uvloop

from bench import app as apps
from bench import client, vault
from bench.app import App
from bench.client import Load

Ask = Callable[..., Awaitable[Load]]

BURST, PACED, SHORT = "burst-100", "paced-200-10", "paced-5-10"


@dataclass
class Row:
    """The figures of one way to ask."""

    name: str
    burst: float = 0.0
    first_1: float = 0.0
    first_64: float = 0.0
    rate_256: float = 0.0
    cpu: float = 0.0
    memory: tuple[float, float] = (0.0, 0.0)
    requests: float = 0.0


def measure(name: str, url: str, key: str, store: bool, ask: Ask, seconds: float, app: App | None) -> Row:
    """All columns of a row. `app` is None where the mock itself is asked."""
    row = Row(name)

    def run(model: str, connections: int, **how: Any) -> Load:
        body = {"model": model, "input": "hi", "stream": True, "store": store}
        return uvloop.run(_awaited(ask(url, key, body, connections=connections, **how)))

    run(SHORT, 4, times=5)  # warm
    idle = app.memory() if app else 0.0
    row.first_1 = run(SHORT, 1, times=30).first
    row.burst = run(BURST, 64, seconds=seconds).rate
    row.first_64 = run(PACED, 64, spread=1.0).first
    before = app.cpu() if app else 0.0
    with _peak(app) as peak:
        load = run(PACED, 256, spread=1.0)
    row.rate_256 = load.rate
    if app:
        row.cpu = (app.cpu() - before) / load.deltas * 1e6
        row.memory = (idle, max(peak))
    return row


def measure_json(url: str, key: str, store: bool, seconds: float) -> float:
    """Requests a second without streaming, from 64 connections."""
    body = {"model": "burst-1", "input": "hi", "store": store}
    return uvloop.run(_awaited(client.http(url, key, body, connections=64, seconds=seconds))).requests_rate


async def _awaited(load: Awaitable[Load]) -> Load:
    return await load


@contextmanager
def _peak(app: App | None) -> Iterator[list[float]]:
    """The web process's memory, looked at ten times a second."""
    seen, stop = [app.memory() if app else 0.0], threading.Event()

    def look() -> None:
        while app and not stop.wait(0.1):
            seen.append(app.memory())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def pin(tested: psutil.Process, others: list[psutil.Process]) -> None:
    """Gives the first core to the server under test, where there are two."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) > 1:
        tested.cpu_affinity(cores[:1])
        for other in [*others, psutil.Process()]:
            other.cpu_affinity(cores[1:])


def table(rows: list[Row]) -> str:
    """The rows as Markdown; the first one is the direct calls, which are 1."""
    direct = rows[0]
    lines = [
        "| in front of the mock | 100 deltas at once, 64 streams | 200 deltas 10 ms apart: +TTFD 1 / 64 streams"
        " | 256 such streams: rate | CPU µs per delta | memory idle → 256 streams | JSON requests/s at 64 |",
        "|---|---|---|---|---|---|---|",
        f"| nothing (direct) | 1 ({direct.burst / 1000:.0f}k deltas/s)"
        f" | {direct.first_1 * 1000:.1f} / {direct.first_64 * 1000:.1f} ms | 1 ({direct.rate_256:.0f}/s) | - | -"
        f" | 1 ({direct.requests / 1000:.1f}k/s) |",
    ]
    for row in rows[1:]:
        added = [(mine - theirs) * 1000 for mine, theirs in _pairs(row, direct)]
        json_rate = f"{row.requests:.0f} ({row.requests / direct.requests:.3f})" if row.requests else "-"
        lines.append(
            f"| {row.name} | {row.burst / direct.burst:.2f} | {added[0]:.1f} / {added[1]:.1f} ms"
            f" | {row.rate_256 / direct.rate_256:.3f} | {row.cpu:.0f}"
            f" | {row.memory[0]:.0f} → {row.memory[1]:.0f} MB | {json_rate} |"
        )
    return "\n".join(lines)


def _pairs(row: Row, direct: Row) -> list[tuple[float, float]]:
    return [(row.first_1, direct.first_1), (row.first_64, direct.first_64)]


def main() -> None:
    """Runs everything and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios to direct calls, in one run.")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each run at full speed")
    parser.add_argument("--direct", action="store_true", help="the mock alone, without the app")
    given = parser.parse_args()
    with apps.mock() as (upstream, mock):
        pin(mock, [])
        rows = [measure("direct", upstream, "none", False, client.http, given.seconds, None)]
        rows[0].requests = measure_json(upstream, "none", False, given.seconds)
        if not given.direct:
            with apps.running(upstream) as app:
                pin(app.web, [mock, *app.others])
                for name, ask, store in (
                    ("HTTP, store: false", client.http, False),
                    ("HTTP, store: true", client.http, True),
                    ("WebSocket, store: false", client.socket, False),
                    ("WebSocket, store: true", client.socket, True),
                ):
                    row = measure(name, app.url, app.key, store, ask, given.seconds, app)
                    if ask is client.http:
                        row.requests = measure_json(app.url, app.key, store, given.seconds)
                    rows.append(row)
                    print(table(rows).splitlines()[-1], flush=True)
                flooded = vault.flood(app)
        print(f"\n{table(rows)}")
        if not given.direct:
            print(f"\n{vault.table(vault.opening(), flooded)}")


if __name__ == "__main__":
    main()
