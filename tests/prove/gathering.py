"""Pairs of worlds by the hundred, on every core: each is played out, dumped, and turned into features."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.prove import calling, dumps, features, reading, setting, worlds
from tests.prove.classifier import Pairs, Verdict, judge

DUMPS = 6
MEANS = ("one", "many", "keys", "midway", "two")
Features = dict[str, dict[str, float]]
"""Of one world, by the attacker's means."""


@dataclass(frozen=True)
class Job:
    """One pair: which script, which means, and what is broken on purpose (a name in `sabotage.CONTROLS`)."""

    seed: int
    means: Sequence[str] = MEANS
    control: str = ""
    newer: bool | None = None


@dataclass(frozen=True)
class Look:
    """One world as the attacker sees it; `masked` is what has to be the same in both worlds of a pair."""

    features: Features
    masked: bytes
    bytes: int


@dataclass
class Attack:
    """The features of all pairs, by the attacker's means."""

    pairs: dict[str, Pairs] = field(default_factory=dict)
    equal: int = 0
    bytes: int = 0

    @property
    def count(self) -> int:
        return len(next(iter(self.pairs.values())))

    def add(self, plain: Look, deep: Look) -> None:
        for means, found in plain.features.items():
            self.pairs.setdefault(means, Pairs()).add(found, deep.features[means])
        self.equal += plain.masked == deep.masked
        self.bytes += plain.bytes + deep.bytes

    def judge(self, means: str) -> Verdict:
        return judge(self.pairs[means])


def gather(template: Path, jobs: Sequence[Job]) -> Attack:
    """Play out the pairs, one process a core."""
    attack, forks = Attack(), multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["tests.prove.preloaded"])
    processes = os.cpu_count() or 1
    numbers = forks.Queue()
    for number in range(processes):
        numbers.put(number)
    with forks.Pool(processes, _begin, (template, numbers)) as pool:
        for plain, deep in pool.imap(_pair, jobs):
            attack.add(plain, deep)
    return attack


_template: Path
_number: int


def _begin(template: Path, numbers: "multiprocessing.Queue[int]") -> None:
    """Make this process one with the prover's keys, and with a database and leases of its own."""
    global _template, _number
    _template, _number = template, numbers.get()
    setting.join(template, valkey_database=1 + _number)


def _pair(job: Job) -> tuple[Look, Look]:
    from tests.prove.sabotage import CONTROLS

    script = worlds.write(job.seed, newer=job.newer)
    with ExitStack() as stack:
        stack.enter_context(setting.cheap())
        stack.enter_context(calling.answered())
        clock = stack.enter_context(setting.Clock())
        if job.control:
            stack.enter_context(CONTROLS[job.control][1]())
        plain, deep = (_look(script, clock, job.means, deep=deep) for deep in (False, True))
    return plain, deep


def _look(script: worlds.Script, clock: setting.Clock, means: Sequence[str], *, deep: bool) -> Look:
    """Build one world and take its dumps."""
    from tenants.models import Tenant

    taken: list[dumps.Dump] = []
    early = len(script.steps) - worlds.LAST - 1  # the last change of passwords is over
    wanted = {early, *range(len(script.steps) - DUMPS, len(script.steps))}
    with setting.database(_template, _template.with_name(f"world-{_number}.sqlite3")) as path:

        def after(number: int) -> None:
            if number in wanted:
                taken.append(dumps.take(path))

        world = worlds.play(script, Tenant.objects.get(), clock, deep=deep, after=after)
        worlds.cut(world, clock)
        midway = dumps.take(path)
    first, last, within = (reading.read(dump, worlds.VISIBLE) for dump in (taken[0], taken[-1], midway))
    look: dict[str, Callable[[], dict[str, float]]] = {
        "one": lambda: features.one(taken[-1]),
        "many": lambda: features.many(taken[1:]),
        "keys": lambda: features.with_keys(taken[-1], last),
        "midway": lambda: features.midway(midway, within),
        "two": lambda: features.two_with_keys([first, last]),
    }
    masked = reading.masked(taken[-1], last) + reading.masked(midway, within)
    size = sum(len(dump.file) + len(dump.journal) for dump in (*taken, midway))
    return Look({name: look[name]() for name in means}, masked, size)
