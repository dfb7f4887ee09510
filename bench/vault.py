"""What the vault costs: opening under a lease, unlocking, and a flood of unlocks beside streams.

    python -m bench.vault

The first two are measured in this process over a database and a Valkey of their own; the flood hits the running app.
"""

import argparse
import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import aiohttp
import uvloop

from bench import app as apps
from bench import client, crowd
from bench.app import App
from bench.crowd import Member

ROUNDS = 2000
FLOOD = 200
_LABEL = "stripe-prod"


@dataclass(frozen=True)
class Opening:
    """Medians in milliseconds; `reading` is the database's part of `opening`."""

    opening: float
    reading: float
    unlocking: float
    derivation: float
    derivations: int


@dataclass(frozen=True)
class Flood:
    """So many unlocks at once: what they were answered, the memory's peak, and a stream's first delta meanwhile."""

    answers: dict[str, int]
    memory: tuple[float, float]
    first_alone: float
    first_beside: float
    seconds: float


def opening() -> Opening:
    """In a process of its own, since settings are read once."""
    with tempfile.TemporaryDirectory(prefix="dw-bench-") as folder:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "VAULT_", "DEMO"))}
        own |= {"DATA_DIR": folder, "REDIS_URL": f"unix://{folder}/valkey.sock?db=0", "LOG_LEVEL": "WARNING"}
        own.pop("DATABASE_URL", None)
        done = subprocess.run(
            [sys.executable, "-m", "bench.vault", "--opening"], env=own, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"the vault could not be measured:\n{done.stderr}")
    return Opening(**json.loads(done.stdout.splitlines()[-1]))


def _measure_opening() -> Opening:
    """With Django over the environment's data directory."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "deny_web.settings"
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from deny_web import children, rundir

    socket = Path(settings.DATA_DIR) / "valkey.sock"
    server = subprocess.Popen(children.valkey_command(socket), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        rundir.wait_for_valkey(socket, seconds=10)
        call_command("migrate", verbosity=0)
        return _timed()
    finally:
        server.kill()
        server.wait()


def _timed() -> Opening:
    from tenants import actions
    from tenants.models import User
    from vault import compartments, derivation, entries, leases, storage
    from vault.models import VaultHeader

    tenant = actions.create_tenant("Bench", slug="bench", acting=User.objects.create_user("bench@bench.invalid")).tenant
    password = secrets.token_urlsafe(24)
    compartments.create(tenant, password, actor="operator")
    entries.put(tenant, _LABEL, b"sk_live_bench", password=password, actor="operator")
    lease = leases.unlock(tenant, password, actor="operator")
    counted, really = [], derivation.hash_secret_raw

    def counting(*args: object, **options: object) -> bytes:
        counted.append(1)
        return really(*args, **options)  # type: ignore[arg-type]

    def read() -> None:
        VaultHeader.objects.for_tenant(tenant.pk).defer("sealed").first()
        storage.find(tenant.pk, _LABEL)

    with patch.object(derivation, "hash_secret_raw", counting):
        unlocking = _median(lambda: leases.unlock(tenant, password, actor="operator"), 15)
        lease = leases.unlock(tenant, password, actor="operator")
    opened = _median(lambda: entries.open_under_lease(tenant.pk, _LABEL, lease.id), ROUNDS)
    salt = secrets.token_bytes(derivation.SALT)
    return Opening(
        opening=opened,
        reading=_median(read, ROUNDS),
        unlocking=unlocking,
        derivation=_median(lambda: derivation.compartment_key(password, salt), 15),
        derivations=len(counted) // 16,
    )


def _median(act: Callable[[], object], times: int) -> float:
    act()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return statistics.median(found) * 1000


def flood(app: App) -> Flood:
    """So many unlocks at once through the console's JSON, each by another member from another address, while streams
    are asked for: what answers is the queue before the key derivation, and not the limits."""
    return uvloop.run(_flood(app, crowd.gather(app, FLOOD + 1)))


async def _flood(app: App, members: list[Member]) -> Flood:
    body = {"model": "paced-5-10", "input": "hi", "stream": True, "store": False}
    address = f"{app.url.removesuffix('/v1')}/t/{apps.SLUG}/console/vault/unlock/"
    answers = Counter[str]()
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(member.session()) for member in members]

        async def unlock(session: aiohttp.ClientSession) -> None:
            async with session.post(address, json={"password": app.vault_password}) as answer:
                answers[_kind(answer.status, await answer.read())] += 1

        # One before the measure: the first derivation of a process also pays for what it keeps from then on.
        await unlock(sessions.pop())
        answers.clear()
        alone = await client.http(app.url, app.key, body, connections=4, times=25)
        before, done = app.memory(), asyncio.Event()
        peak = [before]

        async def watch() -> None:
            while not done.is_set():
                peak.append(app.memory())
                await asyncio.sleep(0.02)

        watching, began = asyncio.create_task(watch()), time.perf_counter()
        streams = asyncio.create_task(client.http(app.url, app.key, body, connections=4, times=25))
        await asyncio.gather(*map(unlock, sessions))
        seconds = time.perf_counter() - began
        beside = await streams
        done.set()
        await watching
    return Flood(dict(answers), (before, max(peak)), alone.first * 1000, beside.first * 1000, seconds)


def _kind(status: int, body: bytes) -> str:
    """The status, and of a refusal what was refused: the queue's "busy" is another thing than a limit's."""
    if status < 400:
        return str(status)
    try:
        return f"{status} {json.loads(body)['error']['code']}"
    except (ValueError, KeyError, TypeError):
        return str(status)


def table(found: Opening, flooded: Flood) -> str:
    """Both as Markdown."""
    told = ", ".join(f"{count} of {kind}" for kind, count in sorted(flooded.answers.items()))
    return "\n".join(
        [
            "| the vault | |",
            "|---|---|",
            f"| opening under a lease, beyond the database's {found.reading:.2f} ms"
            f" | {found.opening - found.reading:.2f} ms |",
            f"| unlocking, of which {found.derivations} derivation takes {found.derivation:.0f} ms"
            f" | {found.unlocking:.0f} ms |",
            f"| {FLOOD} unlocks at once, answered within {flooded.seconds:.1f} s | {told} |",
            f"| the web process's memory before and at its peak"
            f" | {flooded.memory[0]:.0f} → {flooded.memory[1]:.0f} MB |",
            f"| a stream's first delta, alone and beside them"
            f" | {flooded.first_alone:.1f} → {flooded.first_beside:.1f} ms |",
        ]
    )


def main() -> None:
    """Measure both, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.vault")
    parser.add_argument("--opening", action="store_true", help="the first part, in this process, as JSON")
    if parser.parse_args().opening:
        print(json.dumps(vars(_measure_opening())))
        return
    with ExitStack() as stack:
        app = stack.enter_context(apps.running(stack.enter_context(apps.mock()).url))
        print(table(opening(), flood(app)))


if __name__ == "__main__":
    main()
