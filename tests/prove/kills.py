"""Promise 5, kills: a process that changes the vault is killed at any moment; what is there is the old or the new."""

import multiprocessing
import random
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tenants.models import Tenant
from tests.prove import setting, writer
from tests.prove.figures import Figure, Section, tried
from vault import compartments, entries, rolling
from vault.errors import VaultError

PASSWORDS = ("harbour violin cactus ninety", "meadow anvil citrus forty")
LABELS = 40
_LONGEST = 0.06  # seconds that a process lives after its first word


def examine(template: Path, times: int) -> Section:
    """Kill writers and rollers so many times each."""
    path = template.with_name("kills.sqlite3")
    with setting.cheap(), setting.database(template, path):
        figures = [_writers(path, times), *_rollers(path, times)]
    return Section("Promise 5: kills", _METHOD, figures)


def _killed(target: Callable[..., None], arguments: tuple[Any, ...], dice: random.Random) -> list[Any]:
    """Run it in a process of its own, kill that by its id after a moment, and return what it said."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = _FORKS.Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    said = [ours.recv()] if ours.poll(30) else []
    time.sleep(dice.uniform(0, _LONGEST))
    process.kill()
    process.join()
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
    tenant, dice, stored, wrong = Tenant.objects.get(), random.Random(11), 0, 0
    compartments.create(tenant, PASSWORDS[0], actor="operator")
    entries.put(tenant, "killed", writer.value(0), password=PASSWORDS[0], actor="operator")
    for _ in range(times):
        setting.use(path)
        said = _killed(writer.put, (str(path), tenant.slug, "killed", PASSWORDS[0], stored + 1), dice)
        known = max([stored, *said])
        found = _value(tenant, "killed", PASSWORDS[0])
        next_ones = {writer.value(number): number for number in (known, known + 1)}
        wrong += found not in next_ones
        stored = next_ones.get(found or b"", known)
    return tried(f"`vault put` killed while it writes ({stored:,} values written)", times, wrong, unit="kills")


def _rollers(path: Path, times: int) -> list[Figure]:
    """Kills while a password changes over forty labels; then the change is asked for again and has to end well."""
    tenant, dice, now, broken, unfinished, midway = Tenant.objects.get(), random.Random(12), 0, 0, 0, 0
    for number in range(LABELS):
        entries.put(tenant, f"label-{number}", b"%d" % number, password=PASSWORDS[0], actor="operator")
    for _ in range(times):
        setting.use(path)
        said = _killed(writer.roll, (str(path), tenant.slug, PASSWORDS, now), dice)
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
    return [
        tried("`vault roll` killed: one password opens, and opens everything", times, broken, unit="kills"),
        tried(f"Asked for again, it ends well ({midway} found a stage to go on with)", times, unfinished, unit="rolls"),
    ]


def _turn(said: list[tuple[str, int]], now: int) -> tuple[int, bool]:
    """Which turn it is, and whether it has begun."""
    done = max([number + 1 for what, number in said if what == "done"], default=now)
    return done, ("begins", done) in said


def _whole(tenant: Tenant, password: str) -> bool:
    return all(_value(tenant, f"label-{number}", password) == b"%d" % number for number in range(LABELS))


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
