"""Promise 4 at rest: pairs of worlds, attacked with and without the server keys, and controls that must be found."""

import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from tenants.models import Tenant
from tests.prove import dumps, features, reading, setting, worlds
from tests.prove.classifier import Verdict, judge
from tests.prove.figures import Figure, Section
from vault import header, outer, row, server_keys, storage
from vault.header import Compartment
from vault.models import VaultEntry
from vault.row import Value
from vault.sealing import size

DUMPS = 6
FOUND = 0.9


@dataclass
class Attack:
    """Feature rows of the plain worlds and the deep ones, by the attacker's means."""

    plain: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    deep: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    equal: int = 0
    pairs: int = 0
    bytes: int = 0

    def judge(self, means: str) -> Verdict:
        return judge(self.plain[means], self.deep[means])


def examine(template: Path, pairs: int) -> Section:
    """All figures of the promise at rest, over so many pairs; the controls take fewer."""
    few = max(30, pairs // 4)
    honest = gather(template, pairs)
    figures = [
        _coin("One dump, no keys", honest.judge("one")),
        _coin(f"{DUMPS} dumps, no keys", honest.judge("many")),
        _coin("One dump, the server keys and the one password", honest.judge("keys")),
        Figure(
            "The same, random fields masked: byte-equal",
            f"{honest.equal:,} of {honest.pairs:,} pairs",
            honest.equal == honest.pairs,
        ),
        _found("Server keys and two dumps", honest.judge("two")),
    ]
    figures += [
        _found(name, gather(template, few, (means,), sabotage, newer=newer).judge(means))
        for name, (means, sabotage, newer) in CONTROLS.items()
    ]
    counted = honest.judge("many").features
    sizes = f"{honest.pairs * 2:,} vaults, {honest.bytes / 1e6:,.0f} MB of dumps, {counted:,} features."
    return Section("Promise 4: what lies at rest", _METHOD, figures, (sizes,))


def gather(
    template: Path,
    pairs: int,
    means: tuple[str, ...] = ("one", "many", "keys", "two"),
    sabotage: Callable[[], Any] | None = None,
    *,
    newer: bool | None = None,
) -> Attack:
    """Play out so many pairs and look at them with these means."""
    attack = Attack()
    with setting.cheap(), setting.Clock() as clock, sabotage() if sabotage else ExitStack():
        for seed in range(pairs):
            script = worlds.write(seed, newer=newer)
            looks = [_look(template, script, clock, deep, attack, means) for deep in (False, True)]
            attack.pairs += 1
            attack.equal += looks[0] == looks[1]
    return attack


def _look(
    template: Path, script: worlds.Script, clock: setting.Clock, deep: bool, attack: Attack, means: tuple[str, ...]
) -> bytes:
    """Build one world, take its dumps, keep their features; returns the masked dump."""
    taken: list[dumps.Dump] = []
    wanted = set(range(len(script.steps) - DUMPS, len(script.steps)))
    with setting.database(template, template.with_name("world.sqlite3")) as path:

        def after(number: int) -> None:
            if number in wanted:
                taken.append(dumps.take(path))

        worlds.play(script, Tenant.objects.get(), clock, deep=deep, after=after)
    opened = [reading.read(dump, worlds.VISIBLE) for dump in (taken[0], taken[-1])]
    side = attack.deep if deep else attack.plain
    look: dict[str, Callable[[], dict[str, float]]] = {
        "one": lambda: features.one(taken[-1]),
        "many": lambda: features.many(taken),
        "keys": lambda: features.with_keys(taken[-1], opened[-1]),
        "two": lambda: features.two_with_keys(opened),
    }
    for name in means:
        side.setdefault(name, []).append(look[name]())
    attack.bytes += sum(len(dump.file) + len(dump.journal) for dump in taken)
    return reading.masked(taken[-1], opened[-1])


def _coin(name: str, verdict: Verdict) -> Figure:
    return Figure(name, str(verdict), verdict.is_a_coin)


def _found(name: str, verdict: Verdict) -> Figure:
    return Figure(name, str(verdict), verdict.auc > FOUND, control=True)


@contextmanager
def _zeros() -> Iterator[None]:
    """Empty slots are zeros instead of noise."""

    def empty(plaintext: int, **_: Any) -> bytes:
        return bytes(size(plaintext))

    with patch.object(header, "empty", empty), patch.object(row, "empty", empty):
        yield


@contextmanager
def _places_in_order() -> Iterator[None]:
    """The first compartment takes the first place, the next the next."""
    with patch.object(header, "_pick", lambda options, random: next(iter(options))):
        yield


@contextmanager
def _live_time() -> Iterator[None]:
    """A row's token tells when the value that was written last became another one."""
    honest_write = storage.write
    sealing_at: list[int] = []

    def write(entry: VaultEntry, vault_id: bytes, owner: Compartment, value: Value | None, *, at: datetime) -> None:
        unchanged = storage.read(entry, vault_id, owner) == value
        sealing_at.append(_token_time(bytes(entry.sealed)) if unchanged else int(at.timestamp()))
        try:
            honest_write(entry, vault_id, owner, value, at=at)
        finally:
            sealing_at.clear()

    def seal(content: bytes, vault_id: bytes, row_id: bytes) -> bytes:
        key = server_keys.current()
        at = sealing_at[0] if sealing_at else int(timezone.now().timestamp())
        return struct.pack(">I", key.id) + outer._fernet(key, vault_id, row_id).encrypt_at_time(content, at)

    with patch.object(storage, "write", write), patch.object(outer, "seal", seal):
        yield


def _token_time(stored: bytes) -> int:
    return int.from_bytes(stored[5:13], "big")


# What was broken on purpose -> the means that must find it, how to break it, and whether the password handed out is the
# younger one.
CONTROLS: dict[str, tuple[str, Callable[[], Any], bool | None]] = {
    "Empty slots of zeros": ("keys", _zeros, None),
    "A live timestamp in the token": ("one", _live_time, False),
    "Places in order instead of at random": ("keys", _places_in_order, True),
}

_METHOD = f"""Pairs of vaults, each in a database of its own, go through the same public acts at the same times (some
twenty: values written, emptied, revealed, passwords changed or added) and end with the same view under the password
that is handed out. One of the two has one or two compartments more. The attacker gets the database's files and rows,
after the last act or after each of the last {DUMPS}, without keys; or one dump with the server keys and the password.
Features: byte and pair histograms, entropy, repeats, lengths, times, counters, row order, pages, statistics for each
slot, and what changed between dumps. A logistic regression is trained on half of the pairs and tested on the other
half; intervals come from 10,000 draws of its pairs. A line holds when .5 lies in the 99.9 % interval, so that one in
a thousand misses by chance. Argon2id runs at its lowest cost here: not the derivation is examined, and its output
looks the same."""
