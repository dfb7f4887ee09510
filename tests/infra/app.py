"""The real app: the supervisor and all its processes, on a free port and a data directory of their own.

`app` is shared by the tests of one file; `start_app` gives a test one of its own, to kill and to start again.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.infra.commands import COMMANDS, GIVEN_LATE, Commands
from tests.settings import clean_environment

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = ("valkey", "web", "tools", "turns", "demo", "beat")


@dataclass
class App:
    """A running app. `env` is what it and its commands get on top of a clean environment."""

    url: str
    data_dir: Path
    env: dict[str, str]
    process: "subprocess.Popen[bytes]" = field(repr=False)
    output: Path

    def __post_init__(self) -> None:
        self.commands = Commands(clean_environment() | self.env)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run now, by name: serve, valkey, web, tools, turns, demo, beat."""
        lines = (self.data_dir / "run" / "pids").read_text().splitlines()
        return {name: int(pid) for name, pid in (line.split() for line in lines)}

    @property
    def log(self) -> str:
        """All that the app has printed so far, on both streams."""
        return self.output.read_text(errors="replace")

    @property
    def address(self) -> str:
        """The address that it printed, with its one-time token where the demo is on."""
        return printed_address(self.log)

    def manage(
        self, *args: str, stdin: str = "", env: Mapping[str, str] | None = None, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run `manage.py` on this app; with `check`, a refusal fails the test and shows what it said."""
        given = dict(env or {})
        if args[0] in COMMANDS and given.keys() <= GIVEN_LATE:
            done = self.commands.run(args, stdin, given)
        else:
            done = subprocess.run(
                [sys.executable, "manage.py", *args],
                cwd=ROOT,
                env=clean_environment() | self.env | given,
                input=stdin,
                text=True,
                capture_output=True,
                timeout=120,
            )
        assert not check or done.returncode == 0, f"manage.py {' '.join(args)}: {done.stdout}{done.stderr}"
        return done

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a plain GET, errors included."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to one process, SIGKILL unless told; returns its pid."""
        pid = self.pids[name]
        os.kill(pid, number)
        return pid

    def wait_ready(self, seconds: float = 120) -> None:
        """Return once `/readyz` says yes: the database, Valkey and each kind of worker."""
        wait_for(
            lambda: self.get("/readyz")[0] == 200, seconds, lambda: f"not ready: {self.get('/readyz')}\n{self.log}"
        )

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 60) -> int:
        """End it as a person would; returns the exit code."""
        self.commands.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def leftovers(self) -> list[str]:
        """Processes that belong to this app's data directory or group and still live."""
        return [" ".join(process.info["cmdline"])[:120] for process in processes_of(self.data_dir)]


def printed_address(text: str) -> str:
    """The address in what the app prints when it is up, empty before."""
    found = re.search(r"^deny_web is running\. Open (\S+)$", text, re.MULTILINE)
    return found[1] if found else ""


def wait_for(condition: Callable[[], object], seconds: float = 60, complaint: Callable[[], str] | str = "") -> None:
    """Return once `condition` holds; after `seconds` fail with `complaint`."""
    deadline = time.monotonic() + seconds
    while not _holds(condition):
        if time.monotonic() > deadline:
            pytest.fail(complaint if isinstance(complaint, str) else complaint())
        time.sleep(0.05)


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Every live process that was started with this data directory in its environment or command line."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ", "status"]):
        environment, command = process.info["environ"] or {}, process.info["cmdline"] or []
        ours = environment.get("DATA_DIR") == str(data_dir) or any(str(data_dir) in part for part in command)
        if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def spawn(env: Mapping[str, str], output: Path) -> "subprocess.Popen[bytes]":
    """Start the supervisor without waiting for it; its output goes to a file."""
    with output.open("ab") as file:
        return subprocess.Popen(
            # --with-parent: a test run that is killed leaves no app behind
            [sys.executable, "-m", "deny_web.serve", "--with-parent"],
            cwd=ROOT,
            env=clean_environment() | dict(env),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def start(data_dir: Path, output: Path, env: Mapping[str, str] | None = None, seconds: float = 120) -> App:
    """Start the app and return once it has printed its address. PORT is a free one unless `env` names it."""
    # Debuggable, since the tests read the processes' environments, which only root could otherwise.
    full = {"DATA_DIR": str(data_dir), "PORT": "0", "HOST": "127.0.0.1", "DEBUGGABLE": "1"} | dict(env or {})
    output.write_bytes(b"")
    process = spawn(full, output)

    def is_up() -> bool:
        text = output.read_text(errors="replace")
        assert process.poll() is None, f"the app ended with {process.returncode}:\n{text}"
        return bool(printed_address(text))

    wait_for(is_up, seconds, lambda: f"the app did not come up:\n{output.read_text(errors='replace')}")
    url = re.match(r"https?://[^/]+", printed_address(output.read_text(errors="replace")))
    assert url
    return App(url[0], data_dir, full, process, output)


def end(*apps: App) -> None:
    """Stop them and see to it that nothing stays; what had to be killed is a failure."""
    for app in apps:
        app.stop()
    left = [process for app in apps for process in processes_of(app.data_dir)]
    for process in left:
        process.kill()
    assert not left, f"processes were left: {left}"


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except (OSError, psutil.Error):  # not there yet, or gone while it was looked at
        return False


@pytest.fixture(scope="session")
def migrated_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that only has its database, so that each app need not migrate one."""
    folder = tmp_path_factory.mktemp("migrated") / "data"
    environment = clean_environment() | {"DATA_DIR": str(folder)}
    subprocess.run([sys.executable, "-m", "deny_web.bootstrap", "prepare"], cwd=ROOT, env=environment, check=True)
    return folder


@pytest.fixture(scope="module")
def app(migrated_dir: Path) -> Iterator[App]:
    """The app, started once for the tests of a file and ready for turns."""
    with _temporary() as folder:
        shutil.copytree(migrated_dir, folder / "data")
        running = start(folder / "data", folder / "log")
        running.wait_ready()
        yield running
        end(running)


@pytest.fixture
def start_app(migrated_dir: Path) -> Iterator[Callable[..., App]]:
    """`start_app(**env)` starts an app of the test's own; `start_app(again=app)` starts one on its data directory.

    `fresh=True` leaves the first start's work, keys and migrations, to the app.
    """
    started: list[App] = []
    with _temporary() as folder:

        def start_one(*, again: App | None = None, fresh: bool = False, **env: str) -> App:
            if again is not None:
                running = start(again.data_dir, again.output, again.env | env)
            else:
                place = folder / str(len(started))
                place.mkdir()
                if not fresh:
                    shutil.copytree(migrated_dir, place / "data")
                running = start(place / "data", place / "log", env)
            started.append(running)
            return running

        yield start_one
        end(*started)


class _temporary:
    """A folder with a short path, since sockets are in it."""

    def __enter__(self) -> Path:
        self.folder = Path(tempfile.mkdtemp(prefix="dw-app-"))
        return self.folder

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
