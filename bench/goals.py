"""The goals, held against a run's own figures."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from bench.figures import Row, Run, added
from bench.vault import FLOOD

_F = TypeVar("_F")
HTTP, SOCKET = ("http", "http-stored", "http-chain"), ("socket", "socket-stored", "socket-chain")
DOORS = {"HTTP": HTTP, "WebSocket": SOCKET}


@dataclass(frozen=True)
class Goal:
    """A figure and its limit, which it may reach; `figure` is None where the run did not measure it."""

    subject: str
    figure: float | None
    limit: float
    unit: str = ""
    least: bool = False
    digits: int = 1

    @property
    def verdict(self) -> str:
        """met, missed, or not measured. The figure itself decides, not its rounded form."""
        if self.figure is None:
            return "not measured"
        met = self.figure >= self.limit if self.least else self.figure <= self.limit
        return "met" if met else "**missed**"


def goals(run: Run) -> list[Goal]:
    """Every goal, in the table's order."""
    return [*_streams(run), *_firsts(run), *_requests(run), *_costs(run), *_tools(run), *_vault(run)]


def table(found: Iterable[Goal]) -> str:
    """The goals as Markdown."""
    lines = ["| goal | limit | figure | |", "|---|---|---|---|"]
    for goal in found:
        unit = f" {goal.unit}" if goal.unit else ""
        figure = "-" if goal.figure is None else f"{goal.figure:.{goal.digits}f}{unit}"
        lines.append(
            f"| {goal.subject} | {'≥' if goal.least else '≤'} {goal.limit:g}{unit} | {figure} | {goal.verdict} |"
        )
    return "\n".join(lines)


def _streams(run: Run) -> Iterator[Goal]:
    for door, names in DOORS.items():
        ratios = _each(run, names, lambda row, direct: row.paced / direct.paced)
        yield Goal(f"256 paced streams over {door}, of the direct rate", _least(ratios), 0.99, least=True, digits=3)
    for door, names in DOORS.items():
        ratios = _each(run, names, lambda row, direct: row.burst / direct.burst)
        yield Goal(f"64 unpaced streams over {door}, of the direct rate", _least(ratios), 0.35, least=True, digits=2)


def _firsts(run: Run) -> Iterator[Goal]:
    for place, streams in enumerate(("one stream", "64 streams")):
        for door, name, limits in (("HTTP", "http-stored", (2, 4)), ("WebSocket", "socket-stored", (1, 2))):
            found = _each(run, [name], lambda row, direct: added(row, direct, "first"))
            subject = f"added to the first delta over {door}, stored, {streams}"
            yield Goal(subject, _most([both[place] for both in found]), limits[place], "ms", digits=2)


def _requests(run: Run) -> Iterator[Goal]:
    other = run.rows.get("litellm")
    for name, store, limit in (("http", "false", 8), ("http-stored", "true", 4)):
        row = run.rows.get(name)
        figure = row.requests / other.requests if row and other else None
        yield Goal(f"JSON requests with store: {store}, against LiteLLM's", figure, limit, "times", least=True)


def _costs(run: Run) -> Iterator[Goal]:
    names = (*HTTP, *SOCKET)
    yield Goal("processor time for a delta", _most(_each(run, names, lambda row, _: row.cpu * 1e6)), 50, "µs")
    memory = _most(_each(run, names, lambda row, _: row.memory[1]))
    yield Goal("web process with 256 streams open", memory, 160, "MB", digits=0)


def _tools(run: Run) -> Iterator[Goal]:
    figures = [call.added * 1000 for call in run.tools.values()]
    yield Goal("added by a tool call to its tool's own time", _most(figures), 5, "ms")


def _vault(run: Run) -> Iterator[Goal]:
    opening, flood = run.opening, run.flood
    beyond = opening.opening - opening.reading if opening else None
    yield Goal("opening under a lease, beyond the database's read", beyond, 1, "ms", digits=2)
    yield Goal("key derivations for an unlock", opening.derivations if opening else None, 1, digits=0)
    grown = flood.memory[1] - flood.memory[0] if flood else None
    yield Goal(f"memory that {FLOOD} unlocks at once take: two derivations'", grown, 150, "MB", digits=0)
    beside = flood.first_beside - flood.first_alone if flood else None
    yield Goal(f"added to a stream's first delta by {FLOOD} unlocks at once", beside, 5, "ms")


def _each(run: Run, names: Iterable[str], figure: Callable[[Row, Row], _F]) -> list[_F]:
    """Of the rows that the run has."""
    direct = run.rows.get("direct")
    return [figure(run.rows[name], direct) for name in names if direct and name in run.rows]


def _least(figures: list[float]) -> float | None:
    return min(figures, default=None)


def _most(figures: list[float]) -> float | None:
    return max(figures, default=None)
