"""The one-command supervisor: `python -m deny_web.serve` runs every process of the app and ends with all of them.

It never imports Django. It listens for the web server, so that an address in use is found before anything starts and
nobody is refused while the web process restarts; what a start needs Django for is `deny_web.bootstrap`'s.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before anything that an older Python cannot read
    sys.exit("deny_web needs Python 3.11 or newer; this is Python %d.%d." % sys.version_info[:2])  # noqa: UP031 - the same

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from deny_web import children, env, migrated, process, rundir
from deny_web.children import Spec
from deny_web.process import Child, Guard, Output
from deny_web.rundir import Refused

_BACKLOG = 2048
_PATIENCE = 10.0  # seconds that the start waits for a server to answer before it goes on without
_SAME_SIGNAL = 0.3  # seconds within which a second signal is taken for the first one's echo
_ROOT = Path(__file__).resolve().parent.parent


class Supervisor:
    """All processes of one data directory."""

    def __init__(self, data_dir: Path, listener: socket.socket, lock: int) -> None:
        self._data_dir = data_dir
        self._listener = listener
        self._host, self._port = env.text("HOST", "127.0.0.1"), listener.getsockname()[1]
        self._output = Output()
        self._guard = Guard(lock, data_dir)
        self._children: dict[str, Child] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._demo = env.flag("DEMO", is_loopback(listener)) and is_loopback(listener)
        self._environment = children.base_environment(
            DATA_DIR=str(data_dir),
            HOST=self._host,
            PORT=str(self._port),
            DEMO="1" if self._demo else "0",
            DEMO_PORT=str(env.integer("DEMO_PORT", 0) or free_port()) if self._demo else "0",
            LOG_LEVEL=env.text("LOG_LEVEL", "WARNING").upper(),
        )

    async def run(self) -> None:
        """Start everything, and return once a signal has ended it all."""
        asked = asyncio.Event()
        self._on_signals(asked)
        await self._guard.start()
        self._spawn(self._guard.keep())
        starting = asyncio.create_task(self._start())
        waiting = asyncio.create_task(asked.wait())
        try:
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await waiting
        finally:
            starting.cancel()
            await self._stop()

    async def _start(self) -> None:
        socket_path = rundir.prepare_socket(self._data_dir)
        rundir.write_address(self._data_dir, f"http://{self._connectable()}:{self._port}")
        if env.text("REDIS_URL") is None:
            await self._start_valkey(socket_path)
        fresh = env.text("DATABASE_URL") is not None or not migrated.is_current(self._data_dir)
        if fresh:
            self._say("setting up the database")
            await self._bootstrap("prepare")
        self._add(children.web(self._listener.fileno(), self._environment))
        if self._demo:
            self._add(children.demo(int(self._environment["DEMO_PORT"]), self._environment))
        # The workers come after, so that they do not take the processor from what a person waits for.
        address = await self._bootstrap("address", self._base_url())
        await self._answers(*self._local())
        if self._demo:
            await self._answers("127.0.0.1", int(self._environment["DEMO_PORT"]))
        for make in (children.tools, children.turns, children.beat):
            self._add(make(self._environment))
        with contextlib.suppress(OSError):  # whoever started it may not be listening
            print(f"\ndeny_web is running. Open {address}\nCtrl-C ends it.\n", flush=True)

    async def _start_valkey(self, path: Path) -> None:
        self._add(children.valkey(path, self._environment))
        try:
            await asyncio.to_thread(rundir.wait_for_valkey, path, seconds=15)
        except TimeoutError as error:
            raise Refused(f"{error}; its own words are above.") from None

    def _local(self) -> tuple[str, int]:
        """The web server's address as this machine reaches it."""
        host = self._listener.getsockname()[0]
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), self._port  # noqa: S104 - not bound to here

    async def _answers(self, host: str, port: int) -> None:
        """Return once the server on the address answers `/healthz`, or patience ends."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    reader, writer = await asyncio.open_connection(host, port)
                    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    answer = await reader.read(64)
                    writer.close()
                    if answer:
                        return
            await asyncio.sleep(0.05)

    async def _bootstrap(self, *arguments: str) -> str:
        """Run `deny_web.bootstrap` and return what it printed.

        Raises:
            Refused: it failed; its own words are printed.
        """
        bootstrap = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deny_web.bootstrap", *arguments),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._guard.add(bootstrap.pid)
        try:
            said, complaints = await bootstrap.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                bootstrap.kill()
            raise
        finally:
            self._guard.remove(bootstrap.pid)
        for line in complaints.decode("utf-8", "replace").splitlines():
            self._output.line("setup", line)
        if bootstrap.returncode:
            raise Refused("the app cannot start; what stopped it is said above.")
        return said.decode().strip()

    def _base_url(self) -> str:
        public = env.text("PUBLIC_URL")
        if public:
            return public.rstrip("/")
        return f"http://{self._connectable()}:{self._port}"

    def _connectable(self) -> str:
        host = "localhost" if self._host in {"", "0.0.0.0", "::"} else self._host  # noqa: S104 - not bound to here
        return f"[{host}]" if ":" in host else host

    def _add(self, spec: Spec) -> None:
        child = Child(spec, self._guard, self._output, self._write_pids)
        self._children[spec.name] = child
        self._spawn(child.keep())

    def _write_pids(self) -> None:
        running = {name: child.pid for name, child in self._children.items() if child.pid}
        rundir.write_pids(self._data_dir, {"serve": os.getpid(), **running})

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_signals(self, asked: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        first = 0.0

        def stop() -> None:
            nonlocal first
            if not asked.is_set():
                first = clock()
                asked.set()
            # The second time: now. But one signal to a whole group comes twice, since make passes it on.
            elif clock() - first > _SAME_SIGNAL:
                for child in self._children.values():
                    child.signal(signal.SIGKILL)
                os._exit(1)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop)

    async def _stop(self) -> None:
        """End all: those that host turns first, then who serves them, what they stand on last."""
        self._say(f"stopping; answers get {children.GRACE} seconds to end")
        self._listener.close()
        await self._stop_these({"web": children.GRACE + 3, "turns": children.GRACE + 3, "beat": 2})
        await self._stop_these({"tools": 3, "demo": 1})
        await self._stop_these({"valkey": 2})
        rundir.forget(self._data_dir)
        await self._guard.stop()
        for task in self._tasks:
            task.cancel()

    async def _stop_these(self, patience: dict[str, float]) -> None:
        present = [(self._children[name], seconds) for name, seconds in patience.items() if name in self._children]
        await asyncio.gather(*(child.stop(seconds) for child, seconds in present))

    def _say(self, text: str) -> None:
        self._output.line("serve", text)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on the address.

    Raises:
        Refused: it is taken, forbidden, or not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise Refused(f"HOST {host} is not an address.") from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        sentences = {
            errno.EADDRINUSE: f"port {port} on {host} is in use; set PORT to a free one.",
            errno.EACCES: f"port {port} may not be opened by this user; set PORT to one above 1023.",
        }
        raise Refused(sentences.get(error.errno or 0, f"{host}:{port} cannot be opened ({error.strerror}).")) from None
    return listener


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    host = listener.getsockname()[0]
    return host == "::1" or host.startswith("127.")


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Run until a signal; exits 1 with one sentence where it cannot."""
    os.umask(0o077)  # what the processes make in the data directory is nobody else's
    if "--with-parent" in sys.argv[1:]:
        process.end_with_parent()
    try:
        data_dir = Path(env.text("DATA_DIR", str(_ROOT / "var"))).expanduser().resolve()
        rundir.prepare(data_dir)
        lock = rundir.lock(data_dir)
        listener = listen(env.text("HOST", "127.0.0.1"), env.integer("PORT", 8000))
        asyncio.run(Supervisor(data_dir, listener, lock).run())
    except Refused as refusal:
        sys.exit(f"deny_web: {refusal}")


if __name__ == "__main__":
    main()
