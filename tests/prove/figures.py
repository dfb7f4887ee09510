"""What an attack found: one line of the report, which holds or misses."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One measured line. A control `holds` when what was planted in it was found."""

    name: str
    result: str
    holds: bool
    control: bool = False


@dataclass(frozen=True)
class Section:
    """A promise, how it was examined, and the lines that came of it."""

    title: str
    method: str
    figures: Sequence[Figure]
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def holds(self) -> bool:
        return bool(self.figures) and all(figure.holds for figure in self.figures)


def tried(name: str, tries: int, failures: int, *, unit: str = "tries") -> Figure:
    """A count without failures bounds the rate: under 3/n with 95 % confidence (the rule of three)."""
    bound = f"; under 1 in {tries // 3:,} with 95 % confidence" if tries > 3 and not failures else ""
    return Figure(name, f"{tries:,} {unit}, {failures} failures{bound}", tries > 0 and failures == 0)
