"""Promise 4 in time: the wrong, the first and the other password, in turn and in pairs, at Argon2id's real cost."""

import gc
import random
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
from celery.app.task import Task
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.models import Tenant
from tests.prove import setting
from tests.prove.figures import Figure, Section
from vault import compartments, derivation, entries, leases, rolling
from vault.errors import VaultError

FIRST, OTHER, WRONG = "harbour violin cactus ninety", "meadow anvil citrus forty", "harbour violin cactus nine"
NEGLIGIBLE = 0.01  # of an act's time
Act = Callable[[Tenant, str], object]
ACTS: dict[str, Act] = {
    "get": lambda tenant, password: entries.get(tenant, "stripe", password=password, actor="operator"),
    "put": lambda tenant, password: entries.put(tenant, "stripe", b"sk_live_1", password=password, actor="operator"),
    "unlock": lambda tenant, password: leases.unlock(tenant, password, actor="operator"),
}


def examine(template: Path, blocks: int) -> Section:
    """So many blocks an act, each with the three passwords in a fresh order."""
    with setting.database(template, template.with_name("timing.sqlite3")):
        tenant = Tenant.objects.get()
        compartments.create(tenant, FIRST, actor="operator")
        rolling.add_password(tenant, OTHER, [FIRST], actor="operator")
        for password in (FIRST, OTHER):
            entries.put(tenant, "stripe", b"sk_live_1", password=password, actor="operator")
        figures = [figure for name, act in ACTS.items() for figure in _act(name, act, tenant, blocks)]
    return Section("Promise 4: time and traces", _METHOD, figures)


def _act(name: str, act: Act, tenant: Tenant, blocks: int) -> list[Figure]:
    passwords = {"first": FIRST, "other": OTHER, "wrong": WRONG}
    times = _measure(act, tenant, passwords, blocks)
    usual = float(np.median(times["first"]))
    figures = [_compared(name, which, times[which] - times["first"], usual) for which in ("other", "wrong")]
    traces = {which: _traces(act, tenant, password) for which, password in passwords.items()}
    queries, derivations, tasks = traces["first"]
    same = len(set(traces.values())) == 1
    told = f"{queries} statements, {derivations} derivation, {tasks} tasks under each" if same else str(traces)
    return [*figures, Figure(f"{name}: the same traces", told, same)]


def _measure(act: Act, tenant: Tenant, passwords: dict[str, str], blocks: int) -> dict[str, "np.ndarray"]:
    dice = random.Random(3)
    times: dict[str, list[float]] = {which: [] for which in passwords}
    _quietly(act, tenant, FIRST)
    gc.collect()
    gc.disable()
    try:
        for _ in range(blocks):
            for which in dice.sample(sorted(passwords), len(passwords)):
                began = time.perf_counter()
                _quietly(act, tenant, passwords[which])
                times[which].append(time.perf_counter() - began)
    finally:
        gc.enable()
    return {which: np.array(found) for which, found in times.items()}


def _compared(name: str, which: str, differences: "np.ndarray", usual: float) -> Figure:
    dice = np.random.default_rng(2)
    draws = np.median(dice.choice(differences, (4000, len(differences))), axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    lowest, highest = np.percentile(draws, [0.05, 99.95])
    bound = NEGLIGIBLE * usual
    holds = lowest <= 0 <= highest or (-bound <= low and high <= bound)
    share = [f"{100 * value / usual:+.2f}" for value in (float(np.median(differences)), low, high)]
    widest = [f"{100 * value / usual:+.2f}" for value in (lowest, highest)]
    interval = f"95 % interval {share[1]} to {share[2]} %, 99.9 % interval {widest[0]} to {widest[1]} %"
    text = f"median difference {share[0]} % of the act, {interval} ({len(differences)} pairs)"
    return Figure(f"{name}: {which} password against the first", text, holds)


def _traces(act: Act, tenant: Tenant, password: str) -> tuple[int, int, int]:
    derived, sent = [], []
    really = derivation.hash_secret_raw

    def counting(*args: object, **options: object) -> bytes:
        derived.append(1)
        return really(*args, **options)  # type: ignore[arg-type]

    with (
        patch.object(derivation, "hash_secret_raw", counting),
        patch.object(Task, "apply_async", lambda *_, **__: sent.append(1)),
        CaptureQueriesContext(connection) as queries,
    ):
        _quietly(act, tenant, password)
    return len(queries), len(derived), len(sent)


def _quietly(act: Act, tenant: Tenant, password: str) -> None:
    try:
        act(tenant, password)
    except VaultError:
        return


_METHOD = """Each act runs with the wrong, the first and the other password, in a fresh order every time, at Argon2id's
real cost; differences are taken within a round. A line holds when 0 lies in the 99.9 % interval of the median
difference, or when the 95 % interval stays within 1 % of the act's time. Intervals come from 4,000 draws. Traces are
SQL statements, key derivations and tasks sent."""
