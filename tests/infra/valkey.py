"""The real Valkey of a test session, the binary that the app itself runs."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deny_web import children, rundir


@contextmanager
def running(socket: Path) -> Iterator[int]:
    """A Valkey on `socket` that keeps nothing; yields its pid."""
    server = subprocess.Popen(children.valkey_command(socket), stdin=subprocess.DEVNULL)
    try:
        rundir.wait_for_valkey(socket, seconds=10)
        yield server.pid
    finally:
        server.kill()
        server.wait()
