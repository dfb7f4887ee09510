"""One child of the supervisor: started in a group of its own, its output prefixed, brought back when it dies."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deny_web.children import Spec

_FIRST_DELAY = 0.25  # seconds before the first restart; doubled by each further one
_LONGEST_DELAY = 15.0
_SETTLED = 30.0  # seconds after which a child counts as well, and the delay starts over
_PR_SET_PDEATHSIG = 1  # prctl(2)

# Loaded now, since little is safe to do between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Output:
    """Where the supervisor and its children write: standard error, whole lines, each with its writer's name."""

    def line(self, name: str, text: str) -> None:
        # A reader that went away (`make run | head`) must not end the app.
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{name:<7}| {text}\n")
            sys.stderr.flush()

    async def copy(self, spec: Spec, stream: asyncio.StreamReader) -> None:
        """Write the lines of `stream` until it ends; one that is too long is cut rather than kept."""
        rest = b""
        while chunk := await stream.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > 65536:
                lines, rest = [*lines, rest], b""
            self._pass_on(spec, lines)
        self._pass_on(spec, [rest] if rest else [])

    def _pass_on(self, spec: Spec, lines: list[bytes]) -> None:
        for text in (line.decode("utf-8", "replace").rstrip("\r") for line in lines):
            if text and not any(word in text for word in spec.noise):
                self.line(spec.name, text)


class Guard:
    """The process that ends the children when this one is gone; see `deny_web.guard`."""

    def __init__(self, lock: int, data_dir: Path) -> None:
        self._lock = lock
        self._environment = {"DATA_DIR": str(data_dir)}  # says in the process list whose guard it is
        self._process: asyncio.subprocess.Process | None = None
        self._groups: set[int] = set()

    async def start(self) -> None:
        script = os.path.join(os.path.dirname(__file__), "guard.py")
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", script),
            stdin=asyncio.subprocess.PIPE,
            env=self._environment,
            pass_fds=(self._lock,),
            start_new_session=True,
        )
        for group in self._groups:
            self._say("+", group)

    async def keep(self) -> None:
        """Start another guard should it be killed, until `stop`."""
        while self._process is not None:
            await self._process.wait()
            await asyncio.sleep(_FIRST_DELAY)
            if self._process is not None:
                await self.start()

    async def stop(self) -> None:
        """Send it home; there is nobody left to guard."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 2)

    def add(self, group: int) -> None:
        self._groups.add(group)
        self._say("+", group)

    def remove(self, group: int) -> None:
        self._groups.discard(group)
        self._say("-", group)

    def _say(self, sign: str, group: int) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(f"{sign}{group}\n".encode())


class Child:
    """A process that is kept running until `stop`."""

    def __init__(self, spec: Spec, guard: Guard, output: Output, on_start: Callable[[], None] | None = None) -> None:
        self.spec = spec
        self._guard = guard
        self._output = output
        self._on_start = on_start
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process's id, None while there is none."""
        return self._process.pid if self._process else None

    async def keep(self) -> None:
        """Run it, and again each time that it ends, until `stop`."""
        delay = _FIRST_DELAY
        while True:
            started = time.monotonic()
            code = await self._run()
            if self._stopping:
                return
            delay = _FIRST_DELAY if time.monotonic() - started > _SETTLED else delay
            self._output.line("serve", f"{self.spec.name} ended ({_ending(code)}); starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
            self.restarts += 1

    async def _run(self) -> int:
        supervisor = os.getpid()
        process = await asyncio.create_subprocess_exec(
            *self.spec.command,
            env=self.spec.environment,
            pass_fds=self.spec.pass_fds,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C on the terminal is the supervisor's alone to hear
            preexec_fn=lambda: _die_with(supervisor),
        )
        self._process = process
        self._guard.add(process.pid)
        if self._stopping:  # asked to stop while it was being made
            self.signal(signal.SIGKILL)
        elif self._on_start:
            self._on_start()
        assert process.stdout is not None  # noqa: S101 - for the type checker; it is a pipe
        copying = asyncio.create_task(self._output.copy(self.spec, process.stdout))
        code = await process.wait()
        self.signal(signal.SIGKILL)  # what it may have started itself goes with it
        self._process = None
        self._guard.remove(process.pid)
        with suppress(TimeoutError):
            await asyncio.wait_for(copying, 1)
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and all that it started."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    async def stop(self, seconds: float) -> None:
        """Ask it to end; after `seconds` it is killed. Returns when it is gone."""
        self._stopping = True
        process = self._process
        if process is None:
            return
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await process.wait()


def _die_with(supervisor: int) -> None:
    """In the new process, before it becomes the child: on Linux the kernel kills it when the supervisor is gone."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:  # gone between fork and here, so that the signal would never come
            os._exit(1)


def end_with_parent() -> None:
    """End this process, as by SIGTERM, when the one that started it is gone; on Linux only."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _ending(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
