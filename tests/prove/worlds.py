"""Pairs of worlds: the same public acts at the same times, the same view under the password that is handed out. In one
of them there is more beneath.

The plain world has one compartment. Where the other one adds a password, the plain one changes its own; where the
other one writes under a hidden password, the plain one writes what it has once more, or empties what is empty, or makes
the label.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tenants.models import Tenant
from tests.prove.setting import Clock
from vault import compartments, entries, rolling
from vault.errors import NoValue
from vault.row import BANDS

VISIBLE = "harbour violin cactus ninety"
HIDDEN = ("meadow anvil citrus forty", "tundra basket comet seventy")
_EARLIER = "first lantern gravel {}"
ACTOR = "operator"


@dataclass(frozen=True)
class Step:
    """One public act. `hidden` says which hidden password does it in the deeper world, None the visible one."""

    kind: str  # create, password, put, delete, get
    label: str = ""
    value: bytes = b""
    band: int = BANDS[0]
    hidden: int | None = None


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
            kind = dice.choices(["put", "delete", "get"], [6, 1, 1])[0]
            steps.append(Step(kind, label, dice.randbytes(dice.randint(8, 60)).hex().encode(), bands[label], who))
    # What gives the deeper world something to hide, and both something to show, whatever the dice said.
    for who in (order[0], order[1]):
        steps += [Step("put", label, b"%d" % dice.randrange(10**9), bands[label], who) for label in labels[:2]]
    return Script(seed, tuple(steps), newer, tuple(order))


def play(script: Script, tenant: Tenant, clock: Clock, *, deep: bool, after: Callable[[int], None]) -> None:
    """Act the script out in the database in use; `after` is called behind each step with its number."""
    clock.reset()  # both worlds begin at the same moment
    pace, world = random.Random(script.seed), _Deep(script, tenant) if deep else _Plain(script, tenant)
    for number, step in enumerate(script.steps):
        clock.tick(pace)
        world.act(step)
        after(number)


class _World:
    def __init__(self, script: Script, tenant: Tenant) -> None:
        self.script, self.tenant = script, tenant

    def act(self, step: Step) -> None:
        getattr(self, step.kind)(step)

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
        self.waiting = [self._password(who) for who in script.passwords]

    @staticmethod
    def _password(who: int | None) -> str:
        return VISIBLE if who is None else HIDDEN[who]

    def create(self, step: Step) -> None:
        self.known.append(self.waiting.pop(0))
        compartments.create(self.tenant, self.known[0], actor=ACTOR)

    def password(self, step: Step) -> None:
        new = self.waiting.pop(0)
        rolling.add_password(self.tenant, new, self.known, actor=ACTOR)
        self.known.append(new)

    def put(self, step: Step) -> None:
        value = step.value if step.hidden is None else step.value[::-1]
        self._put(step, value, self._password(step.hidden))

    def delete(self, step: Step) -> None:
        self._ordinary(step, self._password(step.hidden))

    def get(self, step: Step) -> None:
        self._get(step, self._password(step.hidden))


class _Plain(_World):
    """One compartment, whose owner does as many things."""

    def __init__(self, script: Script, tenant: Tenant) -> None:
        super().__init__(script, tenant)
        changes = sum(step.kind == "password" for step in script.steps)
        self.passwords = iter([*(_EARLIER.format(n) for n in range(changes)), VISIBLE])
        self.now = next(self.passwords)
        self.values: dict[str, bytes] = {}

    def create(self, step: Step) -> None:
        compartments.create(self.tenant, self.now, actor=ACTOR)

    def password(self, step: Step) -> None:
        old, self.now = self.now, next(self.passwords)
        rolling.roll(self.tenant, old, self.now, actor=ACTOR)

    def put(self, step: Step) -> None:
        if step.hidden is None:
            self.values[step.label] = step.value
        if step.label in self.values:
            self._put(step, self.values[step.label], self.now)
        else:
            self._ordinary(step, self.now)

    def delete(self, step: Step) -> None:
        if step.hidden is None:
            self.values.pop(step.label, None)
        if step.label in self.values:
            self._put(step, self.values[step.label], self.now)
        else:
            self._ordinary(step, self.now)

    def get(self, step: Step) -> None:
        self._get(step, self.now)
