"""The app under test: started as a person starts it, over a data directory of its own, and ended by its own pid."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.server import PATIENCE, Server, free_port, wait_for

SLUG = "bench"
OWNER = "bench@bench.invalid"


@dataclass(frozen=True)
class App(Server):
    """A running app; what is counted is its web process, `others` are the workers, beat and Valkey."""

    others: tuple[psutil.Process, ...]
    owner_password: str = field(repr=False)
    vault_password: str = field(repr=False)
    environment: dict[str, str] = field(repr=False)

    def manage(self, *arguments: str, given: str = "") -> str:
        """A command beside the running app, which may ask for the vault's password; `given` is its input."""
        return _manage(self.environment | {"VAULT_PASSWORD": self.vault_password}, arguments, given)


@contextmanager
def mock() -> Iterator[Server]:
    """The mock upstream, in a process of its own."""
    port = free_port()
    started = subprocess.Popen([sys.executable, "-m", "bench.mock", str(port)])
    try:
        _wait_for_port(port)
        yield Server(f"http://127.0.0.1:{port}/v1", "none", (psutil.Process(started.pid),))
    finally:
        started.kill()
        started.wait()


@contextmanager
def running(upstream: str) -> Iterator[App]:
    """The app with a workspace whose model is the mock at `upstream`, which its tools may reach too."""
    with tempfile.TemporaryDirectory(prefix="dw-bench-", ignore_cleanup_errors=True) as folder:
        port = free_port()
        environment = _environment(folder, port) | {"TOOL_ALLOWED_HOSTS": urlsplit(upstream).netloc}
        command = [sys.executable, "-m", "deny_web.serve"]
        log = Path(folder, "serve.log")
        with log.open("w") as output:
            served = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz", lambda: served.poll() is None, log)
            owner, vault = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
            key = _workspace(environment | {"OWNER_PASSWORD": owner, "VAULT_PASSWORD": vault}, upstream)
            children = {one.pid: one for one in psutil.Process(served.pid).children(recursive=True)}
            lines = [line.split() for line in Path(folder, "run", "pids").read_text().splitlines()]
            named = {name: children[int(pid)] for name, pid in lines if int(pid) in children}
            web = named.pop("web")
            url = f"http://127.0.0.1:{port}/v1"
            yield App(url, key, (web,), tuple(named.values()), owner, vault, environment)
        finally:
            served.send_signal(signal.SIGTERM)
            try:
                served.wait(30)
            except subprocess.TimeoutExpired:
                served.kill()


def _environment(folder: str, port: int) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "VAULT_", "DEMO"))}
    for name in ("DATABASE_URL", "REDIS_URL"):
        # The grown-up stack can be measured too, on purpose only: a benchmark must not write into somebody's data.
        own.pop(name, None)
        if f"BENCH_{name}" in os.environ:
            own[name] = os.environ[f"BENCH_{name}"]
    return own | {"DATA_DIR": folder, "HOST": "127.0.0.1", "PORT": str(port), "DEMO": "0", "LOG_LEVEL": "WARNING"}


def _workspace(environment: dict[str, str], upstream: str) -> str:
    made = json.loads(_manage(environment, ["create_tenant", "Bench", "--slug", SLUG, "--owner", OWNER, "--json"]))
    _manage(environment, ["provider", "set", SLUG, "--base-url", upstream, "--model", "burst-1"], "none\n")
    return str(made["api_key"])


def _manage(environment: dict[str, str], arguments: Sequence[str], given: str = "") -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, env=environment, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"manage.py {arguments[0]} failed:\n{done.stderr}")
    return done.stdout


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the mock upstream did not start")
