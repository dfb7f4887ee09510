"""The data directory's running side: one instance at a time, and where its Valkey's socket is.

DATA_DIR/serve.lock     held while an instance runs; holds its pid
DATA_DIR/run/           mode 0700; a link to a short private folder where the socket's path would be too long
DATA_DIR/run/valkey.sock
DATA_DIR/run/pids       who is who: a name and a process id a line
DATA_DIR/run/address    where the web server answers; gone once the app is
"""

import fcntl
import os
import socket
import stat
import tempfile
import time
from pathlib import Path

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, and a longer path is cut silently.
LONGEST_SOCKET_PATH = 100
_SOCKET = "valkey.sock"


class Refused(Exception):
    """The app cannot start here; the message is the sentence to print."""


def database_path(data_dir: Path) -> Path:
    """The embedded database."""
    return data_dir / "deny_web.sqlite3"


def socket_path(data_dir: Path) -> Path:
    """Where the embedded Valkey of `data_dir` listens; any process asks this, running or not."""
    run = data_dir / "run"
    try:
        target = Path(os.readlink(run))
    except OSError:
        return run / _SOCKET
    # Whoever may write into the data directory owns all in it; the folder elsewhere has to be ours to be believed.
    return (target if _is_private(target) else run) / _SOCKET


def socket_url(data_dir: Path) -> str:
    """`socket_path` as redis-py and the channel layer take it."""
    return f"unix://{socket_path(data_dir)}?db=0"


def prepare(data_dir: Path) -> None:
    """Make the data directory and check that it can be written.

    Raises:
        Refused: it cannot.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise Refused(
            f"the data directory {data_dir} cannot be written ({error.strerror}); set DATA_DIR to one that can."
        ) from None


def prepare_socket(data_dir: Path) -> Path:
    """Make the folder of the socket, moved to a short one where that is needed; call it under the lock.

    Raises:
        Refused: the folder cannot be made.
    """
    run = data_dir / "run"
    try:
        if len(os.fsencode(run / _SOCKET)) <= LONGEST_SOCKET_PATH:
            if run.is_symlink():
                run.unlink()
            run.mkdir(mode=0o700, exist_ok=True)
            run.chmod(0o700)
        elif not (run.is_symlink() and _is_private(Path(os.readlink(run)))):
            # A random name, made with mode 0700: another user of this machine cannot have put a folder there first.
            short = tempfile.mkdtemp(prefix="deny_web-", dir="/tmp")
            run.unlink(missing_ok=True)
            run.symlink_to(short)
        path = socket_path(data_dir)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Refused(f"{run} cannot be made ({error.strerror}).") from None
    return path


def lock(data_dir: Path) -> int:
    """Take the data directory for this process; the descriptor holds it until it, and every copy of it, is closed.

    Raises:
        Refused: another instance has it.
    """
    handle = os.open(data_dir / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    patience = time.monotonic() + 5
    while not _try_lock(handle):
        owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
        # An owner that was killed leaves the lock with its guard, until all that it had started is gone.
        if _is_alive(owner) or time.monotonic() > patience:
            os.close(handle)
            raise Refused(f"deny_web already runs on {data_dir} (process {owner}); stop that one, or set DATA_DIR.")
        time.sleep(0.05)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def write_pids(data_dir: Path, pids: dict[str, int]) -> None:
    """Note the processes that run now."""
    _write(data_dir / "run" / "pids", "".join(f"{name} {pid}\n" for name, pid in pids.items()))


def write_address(data_dir: Path, address: str) -> None:
    """Note where the web server answers."""
    _write(data_dir / "run" / "address", address + "\n")


def web_address(data_dir: Path) -> str | None:
    """Where the web server of the app that runs on `data_dir` answers; None while none runs."""
    try:
        return (data_dir / "run" / "address").read_text(encoding="utf-8").strip()
    except OSError:
        return None


def forget(data_dir: Path) -> None:
    """Take the notes away at the end of the app."""
    for name in ("pids", "address"):
        (data_dir / "run" / name).unlink(missing_ok=True)


def wait_for_valkey(path: Path, *, seconds: float) -> None:
    """Return once the server on `path` answers.

    Raises:
        TimeoutError: it did not.
    """
    deadline = time.monotonic() + seconds
    while not answers(path):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no Valkey answers on {path}")
        time.sleep(0.01)


def answers(path: Path) -> bool:
    """Whether a Valkey on `path` answers a ping now."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _write(path: Path, text: str) -> None:
    """All of it at once: whoever reads at this moment sees the note before or the one after."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_private(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
