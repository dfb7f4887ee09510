"""Everything that a running app leaves behind or sends, gathered as bytes by place."""

import codecs
import re
import socket
import threading
from base64 import b64decode
from collections import defaultdict
from typing import Any

import psutil
import redis

from deny_web import rundir
from tests.infra.app import App, processes_of

_BODY = re.compile(rb'"body": ?"([A-Za-z0-9+/=]{8,})"')


class Evidence:
    """Bytes by place; the same bytes count once."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.places: dict[str, dict[bytes, None]] = defaultdict(dict)
        self._lock = threading.Lock()

    def add(self, place: str, data: bytes | str) -> None:
        with self._lock:
            self.places[place][_bytes(data)] = None

    def of(self, place: str) -> bytes:
        with self._lock:
            return b"\0".join(self.places[place])

    def look(self) -> None:
        """What can be seen at this moment: the database with its journal, Valkey, files, processes."""
        for path in self.app.data_dir.glob("*.sqlite3*"):
            self.add("database", path.read_bytes())
        self.look_into_valkey("valkey")
        self.look_into_files()
        for process in processes_of(self.app.data_dir):
            try:
                self.add("processes", repr((process.cmdline(), process.environ())))
            except psutil.Error:
                continue  # it ended while it was asked

    def look_into_files(self) -> None:
        """What the app keeps beside its database, and its temporary files."""
        for folder in (self.app.data_dir, self.app.data_dir.parent / "tmp"):
            for path in folder.rglob("*"):
                if path.is_file() and ".sqlite3" not in path.name:
                    self.add("files", str(path).encode() + b"\0" + path.read_bytes())

    def look_into_valkey(self, place: str) -> None:
        client = redis.Redis.from_url(rundir.socket_url(self.app.data_dir))
        with client:
            for key in client.scan_iter(count=1000):
                try:
                    self.add(place, key + b"\0" + _value(client, key))
                except redis.ResponseError:
                    continue  # it expired, and another kind of value took its name

    def end(self) -> None:
        self.add("log", self.app.output.read_bytes())


def _bytes(data: bytes | str) -> bytes:
    return data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data


def _value(client: redis.Redis, key: bytes) -> bytes:
    """Any key's content in the clear: a DUMP may be compressed, and would hide what it holds."""
    readers: dict[bytes, Any] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda name: client.lrange(name, 0, -1),
        b"set": client.smembers,
        b"zset": lambda name: client.zrange(name, 0, -1, withscores=True),
        b"stream": client.xrange,
    }
    kind: Any = client.type(key)
    if kind == b"none":
        return b""
    return b"\0".join(_flat(readers[kind](key))) + (client.dump(key) or b"")


def _flat(value: Any) -> list[bytes]:
    if isinstance(value, bytes):
        return [value]
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    if isinstance(value, list | tuple | set):
        return [each for part in value for each in _flat(part)]
    return [repr(value).encode()]


class Monitor:
    """Every command that reaches Valkey, the broker's messages among them, their bodies decoded beside them."""

    def __init__(self, app: App) -> None:
        self._path = str(rundir.socket_path(app.data_dir))
        self._received = bytearray()
        self._socket = socket.socket(socket.AF_UNIX)
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Monitor":
        self._socket.connect(self._path)
        self._socket.sendall(b"MONITOR\r\n")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def _listen(self) -> None:
        while chunk := self._socket.recv(1 << 20):
            self._received += chunk

    def seen(self) -> tuple[bytes, bytes]:
        """All commands, unescaped; and the bodies of all tasks."""
        raw = bytes(self._received)
        commands = codecs.escape_decode(raw)[0]
        bodies = [b64decode(found) for found in _BODY.findall(commands)]
        return commands, b"\n".join(bodies)


class Tap:
    """A socket's connection that keeps each frame as it came."""

    def __init__(self, connection: Any, evidence: Evidence) -> None:
        self._connection, self._evidence = connection, evidence

    def recv(self, timeout: float | None = None) -> Any:
        frame = self._connection.recv(timeout=timeout)
        self._evidence.add("frames", frame)
        return frame

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def tap(socket: Any, evidence: Evidence) -> None:
    """Keep every frame that the socket gets from now on."""
    socket.connection = Tap(socket.connection, evidence)
