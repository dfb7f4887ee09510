"""Promise 4 at rest: pairs of worlds, attacked with and without the server keys, and controls that must be found."""

from pathlib import Path

from tests.prove.classifier import LEVEL, LINES, Verdict
from tests.prove.figures import Figure, Section
from tests.prove.gathering import DUMPS, Job, gather
from tests.prove.sabotage import CONTROLS

FOUND = 0.9


def examine(template: Path, pairs: int) -> Section:
    """All figures of the promise at rest, over so many pairs; the controls take fewer."""
    honest = gather(template, [Job(seed) for seed in range(pairs)])
    lines = {
        "One dump, no keys": "one",
        f"{DUMPS} dumps, no keys": "many",
        "One dump, the server keys and the one password": "keys",
        "The same, in the middle of a change of passwords": "midway",
    }
    assert len(lines) == LINES
    figures = [_coin(name, honest.judge(means)) for name, means in lines.items()]
    equal = f"{honest.equal:,} of {honest.count:,} pairs"
    figures += [
        Figure("The last two, random fields masked: byte-equal", equal, honest.equal == honest.count),
        _found("Server keys and two dumps", honest.judge("two")),
        *(_control(template, name, max(30, pairs // 16)) for name in CONTROLS),
    ]
    counted = honest.judge("many").features
    sizes = f"{honest.count * 2:,} vaults, {honest.bytes / 1e6:,.0f} MB of dumps, {counted:,} features."
    return Section("Promise 4: what lies at rest", _METHOD, figures, (sizes,))


def _control(template: Path, name: str, pairs: int) -> Figure:
    means, _, newer = CONTROLS[name]
    jobs = [Job(seed, (means,), name, newer) for seed in range(pairs)]
    return _found(name, gather(template, jobs).judge(means))


def _coin(name: str, verdict: Verdict) -> Figure:
    return Figure(name, str(verdict), verdict.is_a_coin)


def _found(name: str, verdict: Verdict) -> Figure:
    return Figure(name, str(verdict), verdict.auc > FOUND, control=True)


_METHOD = f"""Pairs of vaults, each in a database of its own, go through the same public acts at the same times (some
thirty: values written, replaced, emptied, revealed, labels purged, passwords changed or added or mistyped, the vault
unlocked and locked, tools called) and end with the same view under the password that is handed out. One of the two has
one or two compartments more, whose passwords do many of these acts. The attacker gets the database's files and rows,
after the last act or after each of the last {DUMPS}, without keys; or one dump with the server keys and the password,
taken at the end, or while a change of passwords is staged and not yet swapped in. The rows of the tools' calls are
not among it: what a call came to tells whether there was a value, as the threat model says. Features: byte and pair
histograms, entropy, repeats, lengths, times, counters, row order, pages, statistics for each slot, what is staged,
and what changed between dumps. A logistic regression is trained on half of the pairs and tested on the other half;
intervals come from 10,000 draws of its pairs. A line holds when .5 lies in the interval that is printed. {LINES}
lines are judged together, so each interval is one of {LEVEL:g} %: chance alone makes any of them miss in at most 5 %
of runs (Bonferroni). Argon2id runs at its lowest cost here: not the derivation is examined, and its output looks
the same."""
