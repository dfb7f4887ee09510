"""The supervisor: it starts everything, brings back what dies, and leaves nothing behind."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.infra.app import KINDS, ROOT, App, printed_address, processes_of, wait_for
from tests.settings import clean_environment

pytestmark = pytest.mark.e2e
Start = Callable[..., App]


def guards(app: App) -> list[psutil.Process]:
    children = psutil.Process(app.pids["serve"]).children()
    return [process for process in children if any(part.endswith("guard.py") for part in process.cmdline())]


def test_first_start_makes_keys_and_database_and_answers(start_app: Start) -> None:
    app = start_app(fresh=True)
    app.wait_ready()
    assert app.get("/healthz")[0] == 200
    assert {"serve", *KINDS} == set(app.pids)
    for name in ("server_keys", "django_secret_key", "deny_web.sqlite3", "serve.lock"):
        assert stat.S_IMODE((app.data_dir / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE((app.data_dir / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE((app.data_dir / "run" / "valkey.sock").stat().st_mode) == 0o700


def test_it_prints_one_address_whose_token_opens_the_demo_workspace(app: App) -> None:
    assert app.log.count("http://") == 1
    status, body = app.get(app.address.removeprefix(app.url))
    assert status == 200, body[:300]


def test_second_start_keeps_keys_and_migrates_nothing(start_app: Start) -> None:
    first = start_app()
    keys = (first.data_dir / "server_keys").read_bytes()
    assert first.stop() == 0
    second = start_app(again=first)
    assert "setting up the database" not in second.log
    assert (second.data_dir / "server_keys").read_bytes() == keys


def test_lost_database_is_made_again_although_the_note_says_migrated(start_app: Start) -> None:
    first = start_app()
    first.stop()
    for path in first.data_dir.glob("deny_web.sqlite3*"):
        path.unlink()
    second = start_app(again=first)
    assert "setting up the database" in second.log
    second.wait_ready()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_ends_everything(start_app: Start, number: signal.Signals) -> None:
    app = start_app()
    app.wait_ready()
    assert app.stop(number) == 0
    assert processes_of(app.data_dir) == []
    assert "Traceback" not in app.log


def test_signal_during_the_start_ends_everything(start_app: Start) -> None:
    app = start_app()  # up, but its workers are still starting
    assert app.stop() == 0
    assert processes_of(app.data_dir) == []


def test_second_signal_ends_it_at_once(start_app: Start) -> None:
    app = start_app()
    app.wait_ready()
    app.kill("tools", signal.SIGSTOP)  # a worker that would keep the first signal waiting
    app.process.send_signal(signal.SIGINT)
    wait_for(lambda: "stopping" in app.log)
    time.sleep(0.5)
    app.process.send_signal(signal.SIGINT)
    app.process.wait(5)
    wait_for(lambda: not processes_of(app.data_dir), 5, "processes outlived the second signal")


def test_killed_supervisor_leaves_no_process_and_can_be_started_again(start_app: Start) -> None:
    app = start_app()
    app.wait_ready()
    assert len(processes_of(app.data_dir)) == len(KINDS) + 2  # with the supervisor and its guard
    app.kill("serve")
    app.process.wait(30)
    wait_for(lambda: not processes_of(app.data_dir), 60, lambda: f"left: {app.leftovers()}")
    start_app(again=app).wait_ready()


def test_start_right_after_a_kill_waits_for_the_leftovers(start_app: Start) -> None:
    app = start_app()
    app.kill("serve")
    app.process.wait(30)
    assert start_app(again=app).get("/healthz")[0] == 200


def test_killed_guard_is_replaced_and_costs_nothing(start_app: Start) -> None:
    app = start_app(DEMO="0")
    app.wait_ready()
    web = psutil.Process(app.pids["web"])
    (old,) = guards(app)
    old.kill()
    wait_for(lambda: [each.pid for each in guards(app)] not in ([], [old.pid]), 60, "no other guard came")
    assert web.is_running()
    app.kill("serve")
    wait_for(lambda: not processes_of(app.data_dir), 60, lambda: f"left: {app.leftovers()}")


@pytest.mark.parametrize("name", KINDS)
def test_killed_child_comes_back(app: App, name: str) -> None:
    old = app.kill(name)
    wait_for(lambda: app.pids.get(name) not in {old, None}, 60, lambda: app.log)
    assert f"{name} ended (killed by SIGKILL); starting it again in" in app.log
    app.wait_ready()


def test_requests_wait_while_the_web_process_restarts(app: App) -> None:
    app.wait_ready()
    app.kill("web")
    assert app.get("/healthz")[0] == 200  # the supervisor's listening socket holds it, nobody is refused


def test_vault_passwords_reach_the_tools_worker_alone(start_app: Start) -> None:
    planted = "plum-lantern-quarry-42"
    app = start_app(VAULT_PASSWORD_ACME=planted, OPENAI_API_KEY="sk-planted-key-000")
    app.wait_ready()
    seen = {name: psutil.Process(pid).environ() for name, pid in app.pids.items() if name != "serve"}
    assert [name for name, environment in seen.items() if planted in environment.values()] == ["tools"]
    keyless = {name for name, environment in seen.items() if "sk-planted-key-000" not in environment.values()}
    assert keyless == {"valkey", "demo"}
    assert planted not in str([psutil.Process(pid).cmdline() for pid in app.pids.values()])


def test_valkey_keeps_nothing_and_listens_on_no_port(app: App) -> None:
    valkey = psutil.Process(app.pids["valkey"])
    assert [each for each in valkey.net_connections("inet") if each.status == "LISTEN"] == []
    assert sorted(path.name for path in (app.data_dir / "run").iterdir()) == ["address", "pids", "valkey.sock"]


def test_web_listens_on_loopback_alone(app: App) -> None:
    listening = [
        each.laddr
        for process in processes_of(app.data_dir)
        for each in process.net_connections("inet")
        if each.status == "LISTEN"
    ]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert urlsplit(app.url).port in {address.port for address in listening}


def test_make_run_ends_like_the_app_itself(migrated_dir: Path, tmp_path: Path) -> None:
    """A signal to make's whole group reaches the app twice; it still ends in order, and so does a killed make."""
    for number, name in ((signal.SIGTERM, "group"), (signal.SIGKILL, "make")):
        data_dir = Path(shutil.copytree(migrated_dir, tmp_path / name))
        output = tmp_path / f"{name}.log"
        make = spawn_make(data_dir, output)
        wait_for(lambda: printed_address(output.read_text()), 60, lambda: output.read_text())  # noqa: B023 - called here
        os.killpg(make.pid, number) if name == "group" else make.send_signal(number)
        make.wait(15)
        wait_for(lambda: not processes_of(data_dir), 60, "processes outlived make")  # noqa: B023 - called here
        assert "stopping" in output.read_text()


def spawn_make(data_dir: Path, output: Path) -> "subprocess.Popen[bytes]":
    """The recipe of `make run`, in this interpreter rather than in an environment that is installed first."""
    makefile = "run:\n\t@exec $(PY) -m deny_web.serve --with-parent\n"
    recipe = (ROOT / "Makefile").read_text()
    assert makefile.partition("\n")[2] in recipe
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["make", "-f", "-", f"PY={sys.executable}", "run"],
            cwd=ROOT,
            env=clean_environment() | {"DATA_DIR": str(data_dir), "PORT": "0"},
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(makefile.encode())
        process.stdin.close()
    return process
