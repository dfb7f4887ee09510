"""A run as Markdown: what was measured as ratios to the direct calls, then the goals."""

from pathlib import Path

from bench import goals, vault
from bench.figures import Row, Run, ToolCall, added

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
_BEGIN, _END = "<!-- figures: written by python -m bench --write-docs -->", "<!-- end of figures -->"


def text(run: Run) -> str:
    """The whole report."""
    parts = [f"{run.machine}; {run.seconds:g} s for each figure at full speed.", rows(run)]
    if run.tools:
        parts.append(tools(list(run.tools.values())))
    if run.opening and run.flood:
        parts.append(vault.table(run.opening, run.flood))
    return "\n\n".join([*parts, goals.table(goals.goals(run))])


def rows(run: Run) -> str:
    """A row for each way to ask; the direct calls come first, and are 1."""
    direct, other = run.rows["direct"], run.rows.get("litellm")
    lines = [
        "| in front of the mock | added to the first delta, 1 / 64 streams | added to the whole stream, 1 / 64"
        " | JSON requests/s at 64 | 100 deltas at once, 64 streams | 200 deltas 10 ms apart, 256 streams"
        " | CPU a delta | memory idle → 256 streams |",
        "|---|---|---|---|---|---|---|---|",
        f"| {direct.title} | ({_pair(direct.first)}) | ({_pair(direct.whole)}) | 1 ({direct.requests:,.0f}/s)"
        f" | 1 ({direct.burst:,.0f}/s) | 1 ({direct.paced:,.0f}/s) | - | - |",
    ]
    lines += [_line(row, direct, other) for name, row in run.rows.items() if name != "direct"]
    return "\n".join(lines)


def _line(row: Row, direct: Row, other: Row | None) -> str:
    first, whole = (" / ".join(f"{one:.1f}" for one in added(row, direct, of)) for of in ("first", "whole"))
    times = f", {row.requests / other.requests:.1f} times LiteLLM's" if other and other is not row else ""
    requests = f"{row.requests / direct.requests:.3f} ({row.requests:,.0f}/s{times})" if row.requests else "-"
    return (
        f"| {row.title} | {first} ms | {whole} ms | {requests} | {row.burst / direct.burst:.3f}"
        f" | {row.paced / direct.paced:.3f} | {row.cpu * 1e6:.0f} µs"
        f" | {row.memory[0]:.0f} → {row.memory[1]:.0f} MB |"
    )


def _pair(times: tuple[float, float]) -> str:
    return " / ".join(f"{time * 1000:.1f}" for time in times) + " ms"


def tools(calls: list[ToolCall]) -> str:
    """What a tool call adds."""
    lines = [
        "| one tool call | turn without it | turn with it | the model's second answer | the tool's own time | added |",
        "|---|---|---|---|---|---|",
    ]
    for call in calls:
        figures = (call.plain, call.called, call.model, call.tool, call.added)
        lines.append(f"| {call.title} | {' | '.join(f'{figure * 1000:.2f} ms' for figure in figures)} |")
    return "\n".join(lines)


def write(report: str, document: Path = DOCUMENT) -> None:
    """Puts the report in the place of the last one."""
    before, begin, rest = document.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{document.name} has no place for the figures: it is between {_BEGIN} and {_END}")
    document.write_text(f"{before}{_BEGIN}\n{report}\n{_END}{after}", encoding="utf-8")
