"""A real tools worker: calls through the broker, and workers killed, stopped and woken by their pids."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from chat import ledger, overdue
from chat.models import CallState, ToolCall
from tests import tool_api
from tests.settings import clean_environment
from tests.tool_api import ToolApi, reply
from tests.tool_bench import KEY, Bench, shown

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.db_matrix]

INVOICE = {"id": "in_1", "amount_due": 4200, "note": "thanks"}
PATH = "/v1/invoices/in_1"


class Worker:
    """One `celery worker` for tools, over the test's database and Valkey."""

    def __init__(self, folder: Path, api: ToolApi, number: int) -> None:
        self.log = folder / f"worker-{number}.log"
        command = ["celery", "--quiet", "-A", "deny_web", "worker", "--queues", "tools", "--pool", "threads"]
        options = ["--concurrency", "4", "--hostname", f"tools{number}@%h", "--without-gossip", "--without-mingle"]
        environment = clean_environment() | {
            "DATA_DIR": str(django_settings.DATA_DIR),
            "DATABASE_URL": _database_url(),
            "REDIS_URL": django_settings.REDIS_URL,
            "TOOL_ALLOWED_HOSTS": api.host,
            "LOG_LEVEL": "DEBUG",
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command, *options, "--loglevel", "DEBUG"],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        if self._process.poll() is None:
            self.signal(signal.SIGKILL)
        self._process.wait()


def _database_url() -> str:
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    place = (
        f"{values['HOST'].replace('/', '%2F')}:{values['PORT']}"
        if values["PORT"]
        else values["HOST"].replace("/", "%2F")
    )
    return f"postgresql://{values['USER']}:{values['PASSWORD']}@{place}/{values['NAME']}"


class Workers:
    def __init__(self, folder: Path, api: ToolApi) -> None:
        self._folder, self._api, self.all = folder, api, list[Worker]()

    def start(self) -> Worker:
        self.all.append(Worker(self._folder, self._api, len(self.all)))
        return self.all[-1]


@pytest.fixture
def api(settings) -> Iterator[ToolApi]:
    with tool_api.running() as api:
        settings.TOOL_ALLOWED_HOSTS = [api.host]
        yield api


@pytest.fixture
def workers(api, tmp_path) -> Iterator[Workers]:
    workers = Workers(tmp_path, api)
    try:
        yield workers
    finally:
        for worker in workers.all:
            worker.kill()


@pytest.fixture
def bench(cast, quick) -> Bench:
    bench = Bench(cast)
    bench.unlock()
    return bench


def wait(call: ToolCall, *states: CallState, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while True:
        call.refresh_from_db()
        if call.state in states:
            return
        assert time.monotonic() < until, f"still {call.state}"
        time.sleep(0.02)


def lost(call: ToolCall) -> None:
    """Nobody has heard of the call's worker for too long."""
    ToolCall.objects.filter(pk=call.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    overdue.recover()


def test_a_worker_runs_a_call_that_came_ten_times_once(bench, api, workers):
    api.handle(PATH, reply(INVOICE))
    call = bench.propose(bench.load(f"{api.url}/v1/invoices/{{id}}"))
    ledger.enqueue([call.pk] * 10)
    worker = workers.start()
    wait(call, CallState.DONE)
    other = bench.propose(bench.load(f"{api.url}/v1/invoices/{{id}}"))
    ledger.enqueue([other.pk])
    wait(other, CallState.DONE)  # after the ten, in order
    assert len(api.requests) == 2
    assert api.requests[0].headers["authorization"] == f"Bearer {KEY.decode()}"
    assert KEY not in worker.log.read_bytes()
    assert b"DEBUG" in worker.log.read_bytes()  # there is something to find it in


def test_an_idempotent_call_survives_its_workers_death(bench, api, workers):
    release = threading.Event()
    api.handle(PATH, tool_api.hold(release, reply(INVOICE)))
    call = bench.propose(bench.load(f"{api.url}/v1/invoices/{{id}}", request={"timeout": 60}))
    ledger.enqueue([call.pk])
    first = workers.start()
    api.wait_for(1)
    wait(call, CallState.SENDING)
    first.kill()
    release.set()
    lost(call)
    workers.start()
    wait(call, CallState.DONE)
    keys = {seen.headers["idempotency-key"] for seen in api.requests}
    assert (len(api.requests), keys) == (2, {call.idempotency_key})


def test_a_call_that_may_go_once_is_unknown_after_its_workers_death(bench, api, workers):
    release = threading.Event()
    api.handle(PATH, tool_api.hold(release, reply(INVOICE)))
    made = bench.load(f"{api.url}/v1/invoices/{{id}}", request={"timeout": 60, "idempotent": False, "method": "POST"})
    call = bench.propose(made)
    ledger.enqueue([call.pk])
    first = workers.start()
    api.wait_for(1)
    wait(call, CallState.SENDING)
    first.kill()
    release.set()
    lost(call)
    assert shown(call)["error"] == "outcome_unknown"
    ledger.enqueue([call.pk])  # a late delivery changes nothing
    api.handle("/v1/invoices/in_2", reply(INVOICE))
    other = bench.propose(made, '{"id": "in_2"}')
    ledger.enqueue([other.pk])
    workers.start()
    wait(other, CallState.DONE)
    assert [seen.target for seen in api.requests] == [PATH, "/v1/invoices/in_2"]


def test_a_worker_that_was_stopped_and_woken_changes_nothing(bench, api, workers):
    release = threading.Event()
    api.handle(PATH, tool_api.hold(release, reply({**INVOICE, "note": "first"})))
    call = bench.propose(bench.load(f"{api.url}/v1/invoices/{{id}}", request={"timeout": 60}))
    ledger.enqueue([call.pk])
    first = workers.start()
    api.wait_for(1)
    wait(call, CallState.SENDING)
    first.signal(signal.SIGSTOP)
    api.handle(PATH, reply({**INVOICE, "note": "second"}))
    lost(call)
    workers.start()
    _insist(call)
    done = shown(call)
    release.set()
    first.signal(signal.SIGCONT)
    _wait_for_word(first, b"came late")
    assert shown(call) == done
    assert "second" in done["output"]
    assert {seen.headers["idempotency-key"] for seen in api.requests} == {call.idempotency_key}


def test_a_stop_reaches_a_worker_that_waits_for_its_answer(bench, api, workers):
    release = threading.Event()
    api.handle(PATH, tool_api.hold(release, reply(INVOICE)))
    call = bench.propose(bench.load(f"{api.url}/v1/invoices/{{id}}", request={"timeout": 60}))
    ledger.enqueue([call.pk])
    workers.start()
    api.wait_for(1)
    wait(call, CallState.SENDING)
    ledger.cancel(bench.response.pk)
    wait(call, CallState.FAILED, seconds=5)
    release.set()
    assert (shown(call)["error"], shown(call)["reason"]) == ("denied", "stopped")


def _insist(call: ToolCall) -> None:
    """Recovery's rounds: Valkey hands messages to the stopped worker too, which still listens, and there they stay."""
    for _ in range(20):
        time.sleep(1)
        call.refresh_from_db()
        if call.state == CallState.QUEUED:
            lost(call)
        if call.state == CallState.DONE:
            return
    raise AssertionError(f"still {call.state}")


def _wait_for_word(worker: Worker, word: bytes) -> None:
    until = time.monotonic() + 20
    while word not in worker.log.read_bytes():
        assert time.monotonic() < until, f"{word!r} never came"
        time.sleep(0.05)
