"""Where the app cannot start it says one sentence, exits 1, and leaves what is there alone."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deny_web import rundir
from tests.infra.app import ROOT, App
from tests.settings import clean_environment


def refusal(**env: str) -> str:
    """What a start that must fail says."""
    done = subprocess.run(
        [sys.executable, "-m", "deny_web.serve"],
        cwd=ROOT,
        env=clean_environment() | env,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_port_in_use(tmp_path: Path, taken_port: int) -> None:
    said = refusal(DATA_DIR=str(tmp_path), PORT=str(taken_port))
    assert f"port {taken_port} on 127.0.0.1 is in use; set PORT" in said


def test_data_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said = refusal(DATA_DIR=str(tmp_path / "file" / "data"), PORT="0")
    assert "cannot be written" in said
    assert "set DATA_DIR" in said


def test_host_that_is_not_ours(tmp_path: Path) -> None:
    assert "192.0.2.1" in refusal(DATA_DIR=str(tmp_path), PORT="0", HOST="192.0.2.1")


def test_setting_that_cannot_be_read(tmp_path: Path) -> None:
    assert "PORT must be a whole number" in refusal(DATA_DIR=str(tmp_path), PORT="eighty")


def test_locked_data_directory(tmp_path: Path) -> None:
    held = rundir.lock(tmp_path)
    said = refusal(DATA_DIR=str(tmp_path), PORT="0")
    os.close(held)
    assert f"deny_web already runs on {tmp_path} (process {os.getpid()})" in said


def test_older_python_is_told_before_anything_else(tmp_path: Path) -> None:
    """The check stands before every import that an older Python could stumble over."""
    code = "import sys, runpy; sys.version_info = (3, 10, 4); runpy.run_module('deny_web.serve', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (1, "deny_web needs Python 3.11 or newer; this is Python 3.10.\n")


@pytest.mark.e2e
def test_second_instance_is_refused_and_the_first_goes_on(app: App) -> None:
    assert f"process {app.pids['serve']}" in refusal(DATA_DIR=str(app.data_dir), PORT="0")
    assert app.get("/healthz")[0] == 200


@pytest.mark.e2e
def test_long_data_directory_moves_the_socket(start_app: Callable[..., App], tmp_path: Path) -> None:
    long = tmp_path / ("d" * 60) / ("e" * 60)
    app = start_app(fresh=True, DATA_DIR=str(long))
    path = rundir.socket_path(long)
    try:
        assert len(os.fsencode(path)) <= rundir.LONGEST_SOCKET_PATH
        assert rundir.answers(path)
        assert path.parent.stat().st_mode & 0o777 == 0o700
        app.stop()
        again = start_app(again=app, DATA_DIR=str(long))
        again.stop()
        assert rundir.socket_path(long) == path  # the folder is used again, not made anew at each start
    finally:
        for left in path.parent.iterdir():
            left.unlink()
        path.parent.rmdir()


def test_moved_socket_is_believed_only_in_a_private_folder(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    elsewhere = tmp_path / "elsewhere"
    data_dir.mkdir()
    elsewhere.mkdir(mode=0o700)
    (data_dir / "run").symlink_to(elsewhere)
    assert rundir.socket_path(data_dir) == elsewhere / "valkey.sock"
    elsewhere.chmod(0o755)
    assert rundir.socket_path(data_dir) == data_dir / "run" / "valkey.sock"
