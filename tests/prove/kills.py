"""Promise 5, kills: a process that changes the vault is killed at any moment; what is there is the old or the new."""

import io
import multiprocessing
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tenants import audit
from tenants.models import Tenant
from tests.prove import setting, writer
from tests.prove.figures import Figure, Section, tried
from vault import backup, compartments, entries, rolling, storage
from vault.errors import VaultError
from vault.models import VaultEntry

PASSWORDS = ("harbour violin cactus ninety", "meadow anvil citrus forty")
LABELS = 90
_PASSPHRASE = "velvet harbour cinder maple ninety"
_WORDS = 9  # that the first process may say, to learn how long an act takes here
_PER_ACT = {"put": 1, "roll": 2, "add-password": 2, "purge": 2, "import": 2}  # words that go with an act


def examine(template: Path, times: int) -> Section:
    """Kill each kind of command so many times."""
    path = template.with_name("kills.sqlite3")
    with setting.cheap(), setting.database(template, path):
        figures = [_writers(path, times), *_rollers(path, times), *_adders(path, times)]
        figures += [_purgers(path, times), _importers(path, times)]
    return Section("Promise 5: kills", _METHOD, figures)


@dataclass
class _Pace:
    """How long an act takes on this machine at this hour; kills are spread over that time."""

    words: int  # to an act
    dice: random.Random
    act: float = 0.0  # seconds

    def wait(self, pipe: Connection, said: list[Any]) -> None:
        """Return at the moment of the kill. The first process is let go on for a while instead, and timed."""
        said.append(pipe.recv())
        if self.act:
            time.sleep(self.dice.uniform(0, 1.2 * self.act))
            return
        began = time.monotonic()
        while len(said) < _WORDS:
            said.append(pipe.recv())
        self.act = (time.monotonic() - began) / (_WORDS - 1) * self.words


def _killed(target: Callable[..., None], arguments: tuple[Any, ...], pace: _Pace) -> list[Any]:
    """Run it in a process of its own, kill that by its id after a moment, and return what it said."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = _FORKS.Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    said = list[Any]()
    pace.wait(ours, said)
    alive = process.is_alive()
    process.kill()
    process.join()
    if not alive:
        raise RuntimeError("the process that was to be killed had ended by itself")
    return said + _rest(ours)


def _rest(pipe: Connection) -> list[Any]:
    said = []
    try:
        while pipe.poll(0):
            said.append(pipe.recv())
    except (EOFError, OSError):
        pass  # it was killed in the middle of a word
    return said


def _writers(path: Path, times: int) -> Figure:
    tenant, pace, stored, wrong = Tenant.objects.get(), _Pace(_PER_ACT["put"], random.Random(11)), 0, 0
    compartments.create(tenant, PASSWORDS[0], actor="operator")
    entries.put(tenant, "killed", writer.value(0), password=PASSWORDS[0], actor="operator")
    for _ in range(times):
        setting.use(path)
        said = _killed(writer.put, (str(path), tenant.slug, "killed", PASSWORDS[0], stored + 1), pace)
        known = max([stored, *said])
        found = _value(tenant, "killed", PASSWORDS[0])
        next_ones = {writer.value(number): number for number in (known, known + 1)}
        wrong += found not in next_ones
        stored = next_ones.get(found or b"", known)
    return tried(f"`vault put` killed while it writes ({stored:,} values written)", times, wrong, unit="kills")


def _rollers(path: Path, times: int) -> list[Figure]:
    """Kills while a password changes over many labels; then the change is asked for again and has to end well."""
    tenant, pace = Tenant.objects.get(), _Pace(_PER_ACT["roll"], random.Random(12))
    now = broken = unfinished = midway = 0
    for number in range(LABELS):
        entries.put(tenant, f"label-{number}", b"%d" % number, password=PASSWORDS[0], actor="operator")
    for _ in range(times):
        setting.use(path)
        said = _killed(writer.roll, (str(path), tenant.slug, PASSWORDS, now), pace)
        now, began = _turn(said, now)
        old, new = PASSWORDS[now % 2], PASSWORDS[(now + 1) % 2]
        right = [password for password in (old, new) if compartments.open_with(tenant, password).right]
        if len(right) != 1 or not _whole(tenant, right[0]):
            broken += 1
            continue
        if right == [new] and began:
            now += 1  # it was killed between the end and the word that says so
            continue
        midway += rolling.progress(tenant) is not None
        rolling.roll(tenant, old, new, actor="operator")
        unfinished += not _whole(tenant, new)
        now += 1
    hit = midway * 10 >= times  # kills that all miss the work would prove nothing
    return [
        tried("`vault roll` killed: one password opens, and opens everything", times, broken, unit="kills"),
        tried("Asked for again, it ends well", times, unfinished, unit="rolls"),
        Figure("Kills that left a stage to go on with", f"{midway} of {times}", hit, control=True),
    ]


def _adders(path: Path, times: int) -> list[Figure]:
    """Kills while a password is added; whoever was named opens everything, and the same call ends well."""
    tenant, pace, mine = Tenant.objects.get(), _Pace(_PER_ACT["add-password"], random.Random(13)), _in_force()
    now = broken = unfinished = 0
    for _ in range(times):
        setting.use(path)
        said = _killed(writer.add_password, (str(path), tenant.slug, mine, now), pace)
        now, _began = _turn(said, now)
        new = writer.another(now)
        broken += not _whole(tenant, mine) or not _chained(tenant)
        if not compartments.open_with(tenant, new).right:
            rolling.add_password(tenant, new, [mine], actor="operator")
        unfinished += not _whole(tenant, mine) or not _is_empty(tenant, new)
        now += 1
    return [
        tried("`vault add-password` killed: who was named opens everything", times, broken, unit="kills"),
        tried("Asked for again, the new password opens, and nothing beneath it", times, unfinished, unit="additions"),
    ]


def _purgers(path: Path, times: int) -> Figure:
    """Kills while a label goes: it is there with its value, or it is gone, and all others stay."""
    tenant, pace, mine = Tenant.objects.get(), _Pace(_PER_ACT["purge"], random.Random(14)), _in_force()
    now = wrong = 0
    for _ in range(times):
        setting.use(path)
        said = _killed(writer.purge, (str(path), tenant.slug, "purged", mine, now), pace)
        now = max([now, *(number + (what == "done") for what, number in said)])
        there = any(entry.label == "purged" for entry in entries.list(tenant))
        wrong += there and _value(tenant, "purged", mine) not in (writer.value(now), writer.value(now + 1))
        wrong += not _whole(tenant, mine) or not _chained(tenant)
    return tried(f"`vault purge` killed ({now:,} labels purged)", times, wrong, unit="kills")


def _importers(path: Path, times: int) -> Figure:
    """Kills while a file becomes the vault: all of it is there, or none."""
    tenant, pace, mine = Tenant.objects.get(), _Pace(_PER_ACT["import"], random.Random(15)), _in_force()
    file, exported, partly = path.with_name("killed.backup"), io.BytesIO(), 0
    backup.export_vault(tenant, _PASSPHRASE, exported, actor="operator")
    file.write_bytes(exported.getvalue())
    for _ in range(times):
        setting.use(path)
        _killed(writer.restore, (str(path), tenant.slug, str(file), _PASSPHRASE), pace)
        made = compartments.exists(tenant)
        partly += not (_whole(tenant, mine) if made else not entries.list(tenant)) or not _chained(tenant)
    return tried("`vault import` killed: the whole vault is there, or nothing", times, partly, unit="kills")


def _in_force() -> str:
    """The password that the rolls have left."""
    tenant = Tenant.objects.get()
    return next(password for password in PASSWORDS if compartments.open_with(tenant, password).right)


def _is_empty(tenant: Tenant, password: str) -> bool:
    """Whether the password opens a compartment without a value."""
    opened = compartments.open_with(tenant, password)
    every = VaultEntry.objects.for_tenant(tenant)
    return opened.right and not any(storage.read(entry, opened.vault_id, opened.compartment) for entry in every)


def _chained(tenant: Tenant) -> bool:
    return audit.verify(tenant).fault is None


def _turn(said: list[tuple[str, int]], now: int) -> tuple[int, bool]:
    """Which turn it is, and whether it has begun."""
    done = max([number + 1 for what, number in said if what == "done"], default=now)
    return done, ("begins", done) in said


def _whole(tenant: Tenant, password: str) -> bool:
    """Whether the password opens every value; with one derivation for all of them."""
    opened, found = compartments.open_with(tenant, password), {}
    for entry in VaultEntry.objects.for_tenant(tenant).filter(label__startswith="label-"):
        value = storage.read(entry, opened.vault_id, opened.compartment)
        found[entry.label] = value.data if value else None
    return found == {f"label-{number}": b"%d" % number for number in range(LABELS)}


def _value(tenant: Tenant, label: str, password: str) -> bytes | None:
    try:
        return entries.get(tenant, label, password=password, actor="operator")
    except VaultError:
        return None


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.prove.preloaded"])

_METHOD = """A process runs the command in a loop over the same database and tells what is done; it is killed by its
id at a random moment, mostly in the middle of an act. Then its vault is opened. Argon2id runs at its lowest cost, so
that kills fall into the writing and not into the derivation. The operating system goes on: this asks nothing of the
disk."""
