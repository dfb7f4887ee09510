"""``python -m bench``: what the app costs, as ratios to calling the same mock upstream directly in the same run.

On a machine with two cores or more, the server under test has the first to itself; the mock, the load and the app's
other processes share the rest. Absolute figures are of one machine; the ratios hold. docs/performance.md says what each
column means.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from bench import app as apps
from bench import litellm, report, tool, vault, ways
from bench.figures import Run
from bench.server import Server

PARTS = ("litellm", *(way.name for way in ways.OURS), "tool", "vault")


def main() -> None:
    """Runs the parts and prints the report."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios to direct calls, in one run.")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each figure at full speed")
    parser.add_argument(
        "--only",
        action="append",
        choices=PARTS,
        metavar="PART",
        help=f"this part, and others named so: {', '.join(PARTS)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the raw figures")
    parser.add_argument("--write-docs", action="store_true", help="put the report into docs/performance.md")
    given = parser.parse_args()
    if given.write_docs and given.only:
        parser.error("--write-docs takes a whole run")
    # Ended from outside, it ends as it does on Ctrl-C: with all that it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run = measured(frozenset(given.only or PARTS), given.seconds)
    told = report.text(run)
    print(told)
    if given.write_docs:
        report.write(told)
    if given.json:
        given.json.write_text(json.dumps(run.as_json(), indent=1), encoding="utf-8")


def measured(parts: frozenset[str], seconds: float) -> Run:
    """The direct calls, and what `parts` names."""
    run = Run(seconds)
    with apps.mock() as mock:
        mock.pin()
        _say(ways.DIRECT.title)
        run.rows["direct"] = ways.measure(ways.DIRECT, mock, seconds)
        if "litellm" in parts:
            _other(run, mock)
        if parts - {"litellm"}:
            with apps.running(mock.url) as app:
                app.pin(*mock.processes, *app.others)
                _ours(run, parts, mock, app)
    if "vault" in parts:
        run.opening = vault.opening()
    return run


def _other(run: Run, mock: Server) -> None:
    """LiteLLM, which has ended before the app starts."""
    found = litellm.executable()
    if not found:
        _say("LiteLLM is left out: it is neither named in LITELLM nor on PATH")
        return
    title = f"LiteLLM {litellm.version(found)}, HTTP"
    _say(title)
    with litellm.running(found, mock.url, ways.MODELS) as proxy:
        proxy.pin(*mock.processes)
        run.rows["litellm"] = ways.measure(ways.LITELLM, proxy, run.seconds, title)


def _ours(run: Run, parts: frozenset[str], mock: Server, app: apps.App) -> None:
    chosen = [way for way in ways.OURS if way.name in parts]
    # The tool comes into the workspace after the rows without one: each request to the model carries it from then on.
    for way in (one for one in chosen if not one.tool):
        _say(way.title)
        run.rows[way.name] = ways.measure(way, app, run.seconds)
    if "tool" in parts or any(way.tool for way in chosen):
        tool.prepare(app, mock)
    for way in tool.WAYS if "tool" in parts else ():
        _say(f"{way.title}, what a tool call adds")
        run.tools[way.name] = tool.measure(way, app, mock)
    for way in (one for one in chosen if one.tool):
        _say(way.title)
        run.rows[way.name] = ways.measure(way, app, run.seconds)
    if "vault" in parts:
        _say("unlocks at once")
        run.flood = vault.flood(app)


def _say(part: str) -> None:
    """What is measured now; the report alone goes to stdout."""
    print(part, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
