"""Can a classifier tell the two worlds apart? Logistic regression over screened features, and an honest answer.

Pairs stay together: features are centred within a pair (the attacker may compare the two), and a pair is trained on or
tested on as a whole. Half of them are for training, screening included, the other half for the one test. Testing each
tenth in turn would use the pairs better, but its answers hang together through their training, and an interval that is
drawn from them is too narrow: with nothing to find, a 95 % interval of that kind held .5 in two of three trials.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LINES = 4  # that .5 is asked of in one report
# Decided before any run: 5 % for all lines together, shared out evenly (Bonferroni).
LEVEL = 100 - 5 / LINES  # percent
KEPT = 12  # features that the classifier takes, those that differ most among the training pairs
DRAWS = 10_000
RIDGE = 3.0


@dataclass(frozen=True)
class Verdict:
    """How well the deeper worlds were told from the plain ones: .5 is a coin, 1 is always."""

    auc: float
    low: float  # of the interval of `LEVEL`, which is the one that decides
    high: float
    pairs: int
    features: int

    @property
    def is_a_coin(self) -> bool:
        return self.low <= 0.5 <= self.high

    def __str__(self) -> str:
        return (
            f"AUC {self.auc:.3f}, {LEVEL:g} % interval {self.low:.3f} to {self.high:.3f} ({self.pairs:,} pairs tested)"
        )


class Pairs:
    """Feature rows of the plain and the deep world of each pair; a feature that a world lacks is 0."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._rows: list[tuple[Array, Array]] = []

    @classmethod
    def of(cls, plain: Iterable[Mapping[str, float]], deep: Iterable[Mapping[str, float]]) -> "Pairs":
        pairs = cls()
        for one, other in zip(plain, deep, strict=True):
            pairs.add(one, other)
        return pairs

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, plain: Mapping[str, float], deep: Mapping[str, float]) -> None:
        # Numbers alone are kept: thousands of rows with their names would not fit into a small machine.
        self._rows.append((self._line(plain), self._line(deep)))

    def matrix(self) -> Array:
        """Pairs by 2 by features, in the order of the features' names."""
        raw = np.zeros((len(self._rows), 2, len(self._places)))
        for pair, lines in enumerate(self._rows):
            for world, line in enumerate(lines):
                raw[pair, world, : len(line)] = line
        return raw[:, :, [self._places[name] for name in sorted(self._places)]]

    def _line(self, row: Mapping[str, float]) -> Array:
        places = [self._places.setdefault(name, len(self._places)) for name in row]
        line = np.zeros(len(self._places))
        line[places] = list(row.values())
        return line


def judge(pairs: Pairs, *, seed: int = 1) -> Verdict:
    """Train on half of the pairs, and test on the other half."""
    x = _centred(pairs.matrix())
    scores = _scores(x, np.random.default_rng(seed))
    return _verdict(scores, x.shape[2], np.random.default_rng(seed))


def _centred(raw: Array) -> Array:
    """Centred within each pair; each feature also by its square, for spreads."""
    flat = raw.reshape(-1, raw.shape[2])
    spread = flat.std(axis=0)
    scaled = (raw - flat.mean(axis=0)) / np.where(spread > 0, spread, 1)
    both = np.concatenate([scaled, np.clip(scaled, -4, 4) ** 2], axis=2)
    return both - both.mean(axis=1, keepdims=True)


def _scores(x: Array, dice: np.random.Generator) -> Array:
    """Scores of the pairs that were not trained on: pairs by 2."""
    order = dice.permutation(len(x))
    known, tested = x[order[: len(x) // 2]], x[order[len(x) // 2 :]]
    difference = known[:, 1] - known[:, 0]
    spread = difference.std(axis=0)
    strength = np.abs(difference.mean(axis=0)) / np.where(spread > 0, spread, 1e-9)
    kept = np.argsort(np.where(np.abs(difference).max(axis=0) > 0, strength, -1.0))[-KEPT:]
    # A difference that hardly varies is a strong one: it weighs up to twenty times a noisy one.
    scale = np.maximum(spread[kept], np.abs(difference[:, kept].mean(axis=0)) / 20) + 1e-9
    weights = _logistic(known[:, :, kept].reshape(-1, len(kept)) / scale, np.tile([0.0, 1.0], len(known)))
    scores: Array = tested[:, :, kept] / scale @ weights
    return scores


def _logistic(x: Array, y: Array) -> Array:
    """Weights of a ridge-penalised logistic regression, by Newton's method."""
    weights = np.zeros(x.shape[1])
    for _ in range(12):
        chance = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (y - chance) - RIDGE * weights
        bend = (x.T * (chance * (1 - chance))) @ x + RIDGE * np.eye(len(weights))
        step = np.linalg.solve(bend, slope)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def _verdict(scores: Array, features: int, dice: np.random.Generator) -> Verdict:
    gap = scores[:, 1][:, None] - scores[:, 0][None, :]
    wins = (gap > 0) + 0.5 * (gap == 0)
    count = len(scores)
    draws = dice.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count
    aucs = ((draws @ wins) * draws).sum(axis=1)
    low, high = np.percentile(aucs, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return Verdict(float(wins.mean()), float(low), float(high), count, features)
