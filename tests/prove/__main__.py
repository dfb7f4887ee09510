"""`make prove`: all attacks, then the report; exit 1 when a line misses or a control is not found."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.prove import report, setting
from tests.prove.figures import Section

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "security-report.md"


def sections(quick: bool, only: set[str]) -> Iterator[Section]:
    """Each section, as it is done."""
    with setting.stage() as template:
        # Imported here, since models want Django set up.
        from tests.prove import at_rest, damage, kills, leaks, timing

        parts: dict[str, Callable[[], Section]] = {
            "leaks": lambda: leaks.examine(quick=quick),
            "rest": lambda: at_rest.examine(template, 40 if quick else 1200),
            "time": lambda: timing.examine(template, 10 if quick else 80),
            "damage": lambda: damage.examine(template, quick=quick),
            "kills": lambda: kills.examine(template, 10 if quick else 100),
        }
        for name, examine in parts.items():
            if not only or name in only:
                yield _told(name, examine)


def _told(name: str, examine: Callable[[], Section]) -> Section:
    began = time.monotonic()
    found = examine()
    print(f"{name}: {'holds' if found.holds else 'MISSES'} ({time.monotonic() - began:.0f} s)", flush=True)
    for figure in found.figures:
        print(f"  {'' if figure.holds else 'MISSES: '}{figure.name}: {figure.result}", flush=True)
    return found


def main() -> None:
    """Attack, write, and say by the exit code whether everything holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description="Attacks the vault and reports.")
    parser.add_argument("--quick", action="store_true", help="few tries: does every attack run?")
    parser.add_argument("--only", nargs="*", default=[], metavar="PART", help="leaks, rest, time, damage, kills")
    parser.add_argument("--out", type=Path, default=REPORT, help="where the report goes")
    given = parser.parse_args()
    found = list(sections(given.quick, set(given.only)))
    given.out.write_text(report.text(found, quick=given.quick), encoding="utf-8")
    print(f"written: {given.out.name}")
    sys.exit(0 if all(section.holds for section in found) else 1)


if __name__ == "__main__":
    main()
