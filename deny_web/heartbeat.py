"""Signs of life in Valkey: which kinds of worker are there, for `/readyz` and `doctor`.

A worker's sign comes from the loop that fetches its tasks, so that a worker that hangs falls silent.
"""

import logging
from typing import Any

import redis
from celery import Celery, bootsteps
from celery.beat import Scheduler

from deny_web import valkey

KINDS = ("tools", "turns", "beat")
INTERVAL = 5.0  # seconds
_LIFE = 16  # seconds; three signs may be late
_PREFIX = "alive:"
_log = logging.getLogger(__name__)


def beat(kind: str) -> None:
    """Say that a process of `kind` is alive."""
    try:
        valkey.sync().set(_PREFIX + kind, b"1", ex=_LIFE)
    except redis.RedisError:
        _log.warning("no sign of life could be left; Valkey does not answer")


def alive() -> dict[str, bool]:
    """For each kind, whether at least one process left a sign within the last 16 seconds.

    Raises:
        redis.RedisError: Valkey does not answer.
    """
    signs = valkey.sync().mget([_PREFIX + kind for kind in KINDS])
    return {kind: sign is not None for kind, sign in zip(KINDS, signs, strict=True)}


class WorkerSigns(bootsteps.StartStopStep):
    """Beats from a worker's own loop, for each queue that it serves."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        kinds = [name for name in parent.app.amqp.queues.consume_from if name in KINDS]

        def signs() -> None:
            for kind in kinds:
                beat(kind)

        signs()
        self.timer = parent.timer.call_repeatedly(INTERVAL, signs)

    def stop(self, parent: Any) -> None:
        if timer := getattr(self, "timer", None):
            timer.cancel()


class BeatScheduler(Scheduler):
    """Celery's in-memory scheduler, which leaves a sign at every tick."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        beat("beat")
        return min(super().tick(*args, **kwargs), INTERVAL)


def install(app: Celery) -> None:
    """Let the workers of `app` leave signs."""
    app.steps["consumer"].add(WorkerSigns)
