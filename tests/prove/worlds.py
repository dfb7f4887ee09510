"""Pairs of worlds: the same public acts at the same times, the same view under the password that is handed out. In one
of them there is more beneath.

The plain world has one compartment. Where the other one adds a password, the plain one changes its own; where the
other one writes under a hidden password, the plain one writes what it has once more, or empties what is empty, or makes
the label. Where the other one unlocks, reveals or calls a tool under a hidden password, the plain one does under its
own, whether it has a value there or not.
"""

import random
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from tenants.models import Tenant
from tests.prove import calling
from tests.prove.setting import Clock
from vault import compartments, entries, leases, rolling
from vault.errors import NoValue, WrongPassword
from vault.row import BANDS
from vault.staging import Told

VISIBLE = "harbour violin cactus ninety"
HIDDEN = ("meadow anvil citrus forty", "tundra basket comet seventy")
_EARLIER = "first lantern gravel {}"
_NEXT = "pillar walnut saddle thirty"
_NOBODYS = "a password that opens nothing"
ACTOR = "operator"
_TTL = 3600  # seconds
LAST = 10  # acts at the end, of which some are sure
_OFTEN = (
    ["put", "rotate", "delete", "purge", "get", "refused", "unlock", "lock", "call"],
    [6, 2, 1, 1, 1, 1, 1, 1, 2],
)


@dataclass(frozen=True)
class Step:
    """One public act. `hidden` says which hidden password does it in the deeper world, None the visible one."""

    kind: str  # create, password, put, rotate, delete, purge, get, refused, unlock, lock, call
    label: str = ""
    value: bytes = b""
    band: int = BANDS[0]
    hidden: int | None = None
    number: int = 0  # in its script


@dataclass(frozen=True)
class Script:
    """What both worlds of a pair do. `newer`: the password handed out is younger than a hidden one."""

    seed: int
    steps: tuple[Step, ...]
    newer: bool
    passwords: tuple[int | None, ...] = field(default=())


def write(seed: int, *, newer: bool | None = None) -> Script:
    """A script of this seed: two to four labels, one or two hidden passwords, some twenty acts."""
    dice = random.Random(seed)
    newer = seed % 2 == 0 if newer is None else newer
    hidden = list(range(dice.randint(1, 2)))
    order: list[int | None] = [hidden.pop(0), None] if newer else [None, hidden.pop(0)]
    order += hidden
    labels = [f"label-{n}" for n in range(dice.randint(2, 4))]
    bands = {label: dice.choice(BANDS[:2]) for label in labels}
    steps = [Step("create")]
    for known in range(1, len(order) + 1):
        if known > 1:
            steps.append(Step("password"))
        for _ in range(dice.randint(3, 6)):
            label = dice.choice(labels)
            who = dice.choice(order[:known])
            steps.append(_any(dice, dice.choices(*_OFTEN)[0], label, bands[label], who))
    steps += _last(dice, labels, bands, order)
    steps = [replace(step, number=number) for number, step in enumerate(steps)]
    return Script(seed, tuple(steps), newer, tuple(order))


def _any(dice: random.Random, kind: str, label: str, band: int, who: int | None) -> Step:
    return Step(kind, label, value=dice.randbytes(dice.randint(8, 60)).hex().encode(), band=band, hidden=who)


def _last(dice: random.Random, labels: list[str], bands: dict[str, int], order: list[int | None]) -> list[Step]:
    """What gives the deeper world something to hide, and both something to show, whatever the dice said: values under
    two passwords, and a call of a tool whose label holds one under a hidden password alone. Between them anything that
    takes nothing away."""
    sure = [_any(dice, "put", label, bands[label], who) for who in order[:2] for label in labels[:2]]
    sure += [_any(dice, kind, "label-of-one", BANDS[0], 0) for kind in ("put", "call")]
    while len(sure) < LAST:
        label = dice.choice(labels)
        kind = dice.choice(["put", "rotate", "get", "refused", "unlock", "lock", "call"])
        sure.insert(dice.randrange(len(sure)), _any(dice, kind, label, bands[label], dice.choice(order)))
    return sure


def play(script: Script, tenant: Tenant, clock: Clock, *, deep: bool, after: Callable[[int], None]) -> "_World":
    """Act the script out in the database in use; `after` is called behind each step with its number."""
    clock.reset()  # both worlds begin at the same moment
    leases.end(tenant.pk)  # the world before had the same workspace
    pace, world = random.Random(script.seed), _Deep(script, tenant) if deep else _Plain(script, tenant)
    for number, step in enumerate(script.steps):
        clock.tick(pace)
        world.act(step)
        after(number)
    return world


class Cut(Exception):
    """What ends a change of passwords in the middle, as a kill would."""


def cut(world: "_World", clock: Clock) -> None:
    """Begin one more change of passwords, and leave it when all is staged and nothing swapped in."""

    def told(done: int, total: int) -> None:
        if done == total:
            raise Cut

    clock.tick(random.Random(world.script.seed))
    with suppress(Cut):
        world.change(_NEXT, told)
        raise AssertionError("it was to be cut off")


class _World(ABC):
    def __init__(self, script: Script, tenant: Tenant) -> None:
        self.script, self.tenant = script, tenant

    def act(self, step: Step) -> None:
        getattr(self, step.kind)(step)

    @abstractmethod
    def owner(self, hidden: int | None) -> str:
        """The password that does what a step's password does."""

    @abstractmethod
    def change(self, new: str, told: Told) -> None:
        """The next change of passwords, to `new`."""

    def refused(self, step: Step) -> None:
        with suppress(WrongPassword):
            entries.get(self.tenant, step.label, password=_NOBODYS, actor=ACTOR)

    def unlock(self, step: Step) -> None:
        leases.unlock(self.tenant, self.owner(step.hidden), ttl=_TTL, actor=ACTOR)

    def lock(self, step: Step) -> None:
        leases.lock(self.tenant, actor=ACTOR)

    def call(self, step: Step) -> None:
        lease = leases.unlock(self.tenant, self.owner(step.hidden), ttl=_TTL, actor=ACTOR)
        calling.call(self.tenant, step.label, lease.id, uuid.UUID(int=self.script.seed << 64 | step.number))

    def purge(self, step: Step) -> None:
        if self._exists(step.label):
            entries.purge(self.tenant, step.label, actor=ACTOR)
        else:
            self._ordinary(step, self.owner(step.hidden))

    def _ordinary(self, step: Step, password: str) -> None:
        """The act as the owner of `password` does it."""
        if self._exists(step.label):
            entries.delete(self.tenant, step.label, password=password, actor=ACTOR)
        else:
            entries.make(self.tenant, step.label, band=step.band, actor=ACTOR)

    def _exists(self, label: str) -> bool:
        return any(entry.label == label for entry in entries.list(self.tenant))

    def _put(self, step: Step, value: bytes, password: str) -> None:
        band = None if self._exists(step.label) else step.band
        entries.put(self.tenant, step.label, value, password=password, band=band, actor=ACTOR)

    def _rotate(self, step: Step, value: bytes, password: str) -> None:
        if not self._exists(step.label):
            self._ordinary(step, password)
            return
        with suppress(NoValue):
            entries.rotate(self.tenant, step.label, value, password=password, actor=ACTOR)

    def _get(self, step: Step, password: str) -> None:
        if not self._exists(step.label):
            self._ordinary(step, password)
            return
        with suppress(NoValue):
            entries.get(self.tenant, step.label, password=password, actor=ACTOR)


class _Deep(_World):
    """More than one compartment."""

    def __init__(self, script: Script, tenant: Tenant) -> None:
        super().__init__(script, tenant)
        self.known: list[str] = []
        self.waiting = [self.owner(who) for who in script.passwords]

    def owner(self, hidden: int | None) -> str:
        return VISIBLE if hidden is None else HIDDEN[hidden]

    def change(self, new: str, told: Told) -> None:
        rolling.add_password(self.tenant, new, self.known, actor=ACTOR, told=told)

    def create(self, step: Step) -> None:
        self.known.append(self.waiting.pop(0))
        compartments.create(self.tenant, self.known[0], actor=ACTOR)

    def password(self, step: Step) -> None:
        new = self.waiting.pop(0)
        rolling.add_password(self.tenant, new, self.known, actor=ACTOR)
        self.known.append(new)

    def put(self, step: Step) -> None:
        value = step.value if step.hidden is None else step.value[::-1]
        self._put(step, value, self.owner(step.hidden))

    def rotate(self, step: Step) -> None:
        value = step.value if step.hidden is None else step.value[::-1]
        self._rotate(step, value, self.owner(step.hidden))

    def delete(self, step: Step) -> None:
        self._ordinary(step, self.owner(step.hidden))

    def get(self, step: Step) -> None:
        self._get(step, self.owner(step.hidden))


class _Plain(_World):
    """One compartment, whose owner does as many things."""

    def __init__(self, script: Script, tenant: Tenant) -> None:
        super().__init__(script, tenant)
        changes = sum(step.kind == "password" for step in script.steps)
        self.passwords = iter([*(_EARLIER.format(n) for n in range(changes)), VISIBLE])
        self.now = next(self.passwords)
        self.values: dict[str, bytes] = {}

    def owner(self, hidden: int | None) -> str:
        return self.now

    def change(self, new: str, told: Told) -> None:
        rolling.roll(self.tenant, self.now, new, actor=ACTOR, told=told)

    def create(self, step: Step) -> None:
        compartments.create(self.tenant, self.now, actor=ACTOR)

    def password(self, step: Step) -> None:
        old, self.now = self.now, next(self.passwords)
        rolling.roll(self.tenant, old, self.now, actor=ACTOR)

    def put(self, step: Step) -> None:
        if step.hidden is None:
            self.values[step.label] = step.value
        self._again(step)

    def rotate(self, step: Step) -> None:
        if step.hidden is None:
            if step.label in self.values:
                self.values[step.label] = step.value
            self._rotate(step, step.value, self.now)
        else:
            self._again(step)

    def purge(self, step: Step) -> None:
        super().purge(step)
        self.values.pop(step.label, None)

    def delete(self, step: Step) -> None:
        if step.hidden is None:
            self.values.pop(step.label, None)
        self._again(step)

    def _again(self, step: Step) -> None:
        """Write what the label has, or nothing where it has nothing."""
        if step.label in self.values:
            self._put(step, self.values[step.label], self.now)
        else:
            self._ordinary(step, self.now)

    def get(self, step: Step) -> None:
        self._get(step, self.now)
