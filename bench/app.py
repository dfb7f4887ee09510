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
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SLUG = "bench"
OWNER = "bench@bench.invalid"
_PATIENCE = 60.0


@dataclass(frozen=True)
class App:
    """A running app: its API, a key for it, and its web process."""

    url: str
    key: str
    web: psutil.Process
    others: tuple[psutil.Process, ...]
    owner_password: str = field(repr=False, default="")
    vault_password: str = field(repr=False, default="")

    def cpu(self) -> float:
        """Seconds of processor time that the web process has used."""
        used = self.web.cpu_times()
        return float(used.user + used.system)

    def memory(self) -> float:
        """The web process's resident memory, in MB."""
        return float(self.web.memory_info().rss) / 1e6


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def mock() -> Iterator[tuple[str, psutil.Process]]:
    """The mock upstream in a process of its own: its base URL and its process."""
    port = free_port()
    started = subprocess.Popen([sys.executable, "-m", "bench.mock", str(port)])
    try:
        _wait_for_port(port)
        yield f"http://127.0.0.1:{port}/v1", psutil.Process(started.pid)
    finally:
        started.kill()
        started.wait()


@contextmanager
def running(upstream: str) -> Iterator[App]:
    """The app with a workspace whose model is the mock at `upstream`."""
    with tempfile.TemporaryDirectory(prefix="dw-bench-", ignore_cleanup_errors=True) as folder:
        port = free_port()
        environment = _environment(folder, port)
        command = [sys.executable, "-m", "deny_web.serve"]
        log = Path(folder, "serve.log")
        with log.open("w") as output:
            served = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
        try:
            _wait_ready(f"http://127.0.0.1:{port}/readyz", served, log)
            passwords = {"OWNER_PASSWORD": secrets.token_urlsafe(24), "VAULT_PASSWORD": secrets.token_urlsafe(24)}
            key = _workspace(environment, upstream, passwords)
            children = {one.pid: one for one in psutil.Process(served.pid).children(recursive=True)}
            lines = [line.split() for line in Path(folder, "run", "pids").read_text().splitlines()]
            named = {name: children[int(pid)] for name, pid in lines if int(pid) in children}
            others = tuple(process for name, process in named.items() if name != "web")
            yield App(f"http://127.0.0.1:{port}/v1", key, named["web"], others, *passwords.values())
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


def _workspace(environment: dict[str, str], upstream: str, passwords: dict[str, str]) -> str:
    owner = ["create_tenant", "Bench", "--slug", SLUG, "--owner", OWNER, "--json"]
    made = json.loads(_manage(environment | passwords, owner))
    _manage(environment, ["provider", "set", SLUG, "--base-url", upstream, "--model", "burst-1"])
    return str(made["api_key"])


def _manage(environment: dict[str, str], arguments: list[str]) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, env=environment, input="none\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"manage.py {arguments[0]} failed:\n{done.stderr}")
    return done.stdout


def _wait_ready(url: str, served: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if served.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"the app did not become ready:\n{log.read_text()}")


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the mock upstream did not start")
