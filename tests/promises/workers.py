"""Further workers of a running app, and messages to its broker that nobody meant to send."""

from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import DEVNULL, Popen

import redis
from celery import Celery
from django.conf import settings

from deny_web import children, rundir
from tests.infra.app import ROOT, App
from tests.settings import clean_environment


@contextmanager
def another(app: App, kind: str) -> Iterator[int]:
    """A second worker of `kind` ("tools" or "turns") beside the app's own, as a grown-up set-up has it; its pid."""
    make = {"tools": children.tools, "turns": children.turns}[kind]
    spec = make(clean_environment() | app.env | {"LOG_LEVEL": "WARNING"})
    worker = Popen(spec.command, env=spec.environment, cwd=ROOT, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield worker.pid
    finally:
        worker.kill()
        worker.wait()


def deliver(app: App, task: str, argument: str, times: int) -> None:
    """Put the same message into the app's broker again and again."""
    path = rundir.socket_path(app.data_dir)
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    with Celery(broker=f"redis+socket://{path}?virtual_host=0", set_as_current=False) as sender:
        sender.conf.broker_transport_options = options
        for _ in range(times):
            sender.send_task(task, (argument,), queue=task.split(".")[0], ignore_result=True)


def flush(app: App) -> None:
    """What a person with a shell does to Valkey: everything in it is gone."""
    with redis.Redis.from_url(rundir.socket_url(app.data_dir)) as client:
        client.flushall()
