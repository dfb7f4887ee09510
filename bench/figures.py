"""What a run measured: raw figures, in seconds, MB and counts. Ratios and additions are made from them."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil

from bench.vault import Flood, Opening


@dataclass
class Row:
    """The figures of one way to ask; 0 where it was not asked so. First deltas and whole answers are medians.

    `first` and `whole` are of one stream and of 64, `burst` and `paced` deltas a second, `cpu` seconds a delta,
    `memory` MB idle and with 256 streams open, `requests` JSON answers a second.
    """

    title: str
    first: tuple[float, float] = (0.0, 0.0)
    whole: tuple[float, float] = (0.0, 0.0)
    burst: float = 0.0
    paced: float = 0.0
    cpu: float = 0.0
    memory: tuple[float, float] = (0.0, 0.0)
    requests: float = 0.0


@dataclass(frozen=True)
class ToolCall:
    """Medians of one way to ask, one stream at a time.

    `plain` is a turn without a tool, `called` one with one call; `model` and `tool` are the upstream and the tool's
    API asked directly.
    """

    title: str
    plain: float
    called: float
    model: float
    tool: float

    @property
    def added(self) -> float:
        """What the call adds to its tool's own time; the turn asks the model once more than the plain one."""
        return self.called - self.plain - self.model - self.tool


@dataclass
class Run:
    """One run. `rows` are by the names of `bench.ways`, with "direct" among them."""

    seconds: float
    rows: dict[str, Row] = field(default_factory=dict)
    tools: dict[str, ToolCall] = field(default_factory=dict)
    opening: Opening | None = None
    flood: Flood | None = None
    machine: str = field(default_factory=lambda: machine())

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain data."""
        return asdict(self)


def machine() -> str:
    """What the figures depend on, and nothing that tells which machine it was."""
    system = f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} cores"
    return f"{datetime.now(UTC):%Y-%m-%d}, {system}, Python {platform.python_version()}"


def added(row: Row, direct: Row, column: str) -> tuple[float, float]:
    """What a way adds to the direct calls' times, in milliseconds: for one stream, and for 64."""
    mine: Mapping[str, tuple[float, float]] = vars(row)
    theirs: Mapping[str, tuple[float, float]] = vars(direct)
    one, many = ((a - b) * 1000 for a, b in zip(mine[column], theirs[column], strict=True))
    return one, many
