"""A server that is asked for responses: where it is, what its processes use, which core they have."""

import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PATIENCE = 60.0
# Those that this process may use before it is pinned itself.
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@dataclass(frozen=True)
class Server:
    """A running server: its API, a key for it, and the processes whose time and memory are counted."""

    url: str
    key: str = field(repr=False)
    processes: tuple[psutil.Process, ...]

    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        used = [process.cpu_times() for process in self.processes]
        return float(sum(one.user + one.system for one in used))

    def memory(self) -> float:
        """Its resident memory, in MB."""
        return float(sum(process.memory_info().rss for process in self.processes)) / 1e6

    def pin(self, *others: psutil.Process) -> None:
        """Gives it the first core, and the rest to `others` and this process, where there are two."""
        if len(_CORES) > 1:
            for process in self.processes:
                _confine(process, _CORES[:1])
            for process in (*others, psutil.Process()):
                _confine(process, _CORES[1:])

    @contextmanager
    def peak(self) -> Iterator[list[float]]:
        """Its memory, looked at ten times a second until the block ends."""
        seen, stop = [self.memory()], threading.Event()

        def look() -> None:
            while not stop.wait(0.1):
                seen.append(self.memory())

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join()


def _confine(process: psutil.Process, cores: list[int]) -> None:
    """All threads of a process: Linux pins one at a time, and only those that start later follow the first."""
    for thread in process.threads():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(thread.id, cores)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_for(url: str, alive: Callable[[], bool], log: Path, seconds: float = PATIENCE) -> None:
    """Returns once `url` answers 200. Leaves with the log where the server is not `alive`, or takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and alive():
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"the server did not become ready:\n{log.read_text()}")
