"""The prover can fail: its classifier finds what is there and nothing else, and a line that misses is said."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.prove import leaks, report
from tests.prove.classifier import Pairs, judge
from tests.prove.figures import Figure, Section, tried
from tests.settings import clean_environment

ROOT = Path(__file__).resolve().parent.parent
PAIRS = 120


def worlds(seed: int, planted: float = 0.0) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Rows of noise; in the deeper ones one of two hundred features is `planted` deviations higher."""
    dice = np.random.default_rng(seed)

    def row(shift: float) -> dict[str, float]:
        return {f"f{n}": float(value) + shift * (n == 17) for n, value in enumerate(dice.normal(size=200))}

    return [row(0) for _ in range(PAIRS)], [row(planted) for _ in range(PAIRS)]


def test_the_classifier_finds_nothing_where_nothing_is() -> None:
    verdicts = [judge(Pairs.of(*worlds(seed))) for seed in range(20)]
    assert all(verdict.is_a_coin for verdict in verdicts)
    assert sum(verdict.low <= 0.5 <= verdict.high for verdict in verdicts) >= 15


@pytest.mark.parametrize("planted", [2.5, 100.0])
def test_the_classifier_finds_what_is_there(planted: float) -> None:
    verdict = judge(Pairs.of(*worlds(3, planted)))
    assert verdict.auc > 0.9
    assert not verdict.is_a_coin


def test_a_spread_that_differs_is_found_as_well() -> None:
    plain, deep = worlds(4)
    for row in deep:
        row["f3"] *= 12
    assert judge(Pairs.of(plain, deep)).low > 0.5


def test_a_miss_is_said_in_the_report() -> None:
    good, bad = tried("Flips", 300, 0), tried("Flips", 300, 1)
    assert (good.holds, bad.holds, tried("Nothing", 0, 0).holds) == (True, False, False)
    assert "under 1 in 100" in good.result
    lost = Section("A promise", "How.", [good, bad, Figure("Zeros", "AUC 0.5", False, control=True)])
    text = report.text([lost], quick=False)
    assert not lost.holds
    assert "1 of 3 lines hold; 0 of 1 controls were found" in text
    assert "**MISSES**" in text
    assert "| Control: zeros | AUC 0.5 | **NOT FOUND** |" in text


@pytest.mark.parametrize(
    ("output", "code", "holds"),
    [
        ("\ndatabase: 1,234 bytes, 0 hits.\nlog: 99 bytes, 0 hits.\n4 passed in 3 s", 0, True),
        ("\ndatabase: 1,234 bytes, 2 hitsF\n1 failed, 3 passed in 3 s", 1, False),
        ("\ndatabase: 0 bytes, 0 hits.\n4 passed in 3 s", 0, False),
        ("no tests ran", 5, False),
        ("", 0, False),
    ],
)
def test_the_leak_search_is_read_and_not_believed(output: str, code: int, holds: bool) -> None:
    assert leaks.read(output, code).holds is holds


@pytest.mark.e2e
def test_a_part_runs_by_itself(tmp_path: Path) -> None:
    out = tmp_path / "report.md"
    command = [sys.executable, "-m", "tests.prove", "--quick", "--only", "damage", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    text = out.read_text()
    assert "Promise 5: damage" in text
    assert "MISSES" not in text
