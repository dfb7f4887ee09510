"""The benchmark says of each goal whether its own figures meet it, and does not call what it left out met."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from bench import goals, report
from bench.figures import Row, Run, ToolCall
from bench.vault import Flood, Opening


def good() -> Run:
    """A run in which every goal is met, most of them by a little."""
    mine = Row("mine", (0.002, 0.003), (0.06, 2.02), burst=40.0, paced=99.5, cpu=45e-6, memory=(90.0, 159.0))
    rows = {
        "direct": Row("direct", (0.0011, 0.0011), (0.05, 2.0), burst=100.0, paced=100.0, requests=1000.0),
        "litellm": Row("LiteLLM", requests=10.0),
        "http": replace(mine, requests=81.0),
        "http-stored": replace(mine, requests=41.0),
        **{name: replace(mine) for name in ("http-chain", "socket", "socket-stored", "socket-chain")},
    }
    tools = {"http": ToolCall("HTTP", plain=0.004, called=0.0097, model=0.0005, tool=0.0003)}
    opening = Opening(opening=0.9, reading=0.6, unlocking=115.0, derivation=112.0, derivations=1)
    flood = Flood({"200": 18, "429 busy": 182}, (100.0, 240.0), 5.0, 5.5, 3.0)
    return Run(1.0, rows, tools, opening, flood, machine="here")


def missed(run: Run) -> list[str]:
    return [goal.subject for goal in goals.goals(run) if "missed" in goal.verdict]


def test_a_run_that_meets_every_goal_misses_none() -> None:
    run = good()
    assert {goal.verdict for goal in goals.goals(run)} == {"met"}
    assert "missed" not in report.text(run)


def slow_first(run: Run) -> None:
    run.rows["socket-stored"].first = (0.0022, 0.003)


def slow_chain(run: Run) -> None:
    run.rows["http-chain"].paced = 98.9


def slow_burst(run: Run) -> None:
    run.rows["socket"].burst = 34.9


def busy(run: Run) -> None:
    run.rows["socket-chain"].cpu = 50.01e-6


def big(run: Run) -> None:
    run.rows["http"].memory = (90.0, 160.2)


def few_requests(run: Run) -> None:
    run.rows["http-stored"].requests = 39.9


def slow_tool(run: Run) -> None:
    run.tools["socket"] = replace(run.tools["http"], called=0.0099)
    run.tools["http"] = replace(run.tools["http"], called=0.0101)


def slow_opening(run: Run) -> None:
    run.opening = replace(run.opening, opening=1.61) if run.opening else None


def two_derivations(run: Run) -> None:
    run.opening = replace(run.opening, derivations=2) if run.opening else None


def unbounded(run: Run) -> None:
    run.flood = replace(run.flood, memory=(100.0, 251.0)) if run.flood else None


@pytest.mark.parametrize(
    ("spoil", "subject"),
    [
        (slow_first, "added to the first delta over WebSocket, stored, one stream"),
        (slow_chain, "256 paced streams over HTTP, of the direct rate"),
        (slow_burst, "64 unpaced streams over WebSocket, of the direct rate"),
        (busy, "processor time for a delta"),
        (big, "web process with 256 streams open"),
        (few_requests, "JSON requests with store: true, against LiteLLM's"),
        (slow_tool, "added by a tool call to its tool's own time"),
        (slow_opening, "opening under a lease, beyond the database's read"),
        (two_derivations, "key derivations for an unlock"),
        (unbounded, "memory that 200 unlocks at once take: two derivations'"),
    ],
)
def test_one_figure_past_its_limit_is_one_goal_missed(spoil: Callable[[Run], None], subject: str) -> None:
    run = good()
    spoil(run)
    assert missed(run) == [subject]
    assert "| **missed** |" in next(line for line in report.text(run).splitlines() if subject in line)


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    rows = good().rows
    run = Run(1.0, {"direct": rows["direct"], "http": rows["http"]})
    told = {goal.subject: goal.verdict for goal in goals.goals(run)}
    assert told["256 paced streams over HTTP, of the direct rate"] == "met"
    assert told["JSON requests with store: false, against LiteLLM's"] == "not measured"
    assert told["added by a tool call to its tool's own time"] == "not measured"
    assert told["key derivations for an unlock"] == "not measured"


def test_the_raw_figures_are_kept_as_json() -> None:
    kept = json.loads(json.dumps(good().as_json()))
    assert kept["rows"]["direct"]["burst"] == 100.0
    assert kept["tools"]["http"]["called"] == 0.0097
    assert kept["flood"]["answers"] == {"200": 18, "429 busy": 182}
