"""The guard by itself: on a system whose kernel does not end orphans, and for what the children started."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deny_web import guard
from tests.infra.app import wait_for


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def is_running(pid: int) -> bool:
    """Whether it lives; what died and waits for its parent to notice does not."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def guarding(*lines: str) -> int:
    """Run the guard over these lines until its pipe ends; returns its exit code."""
    script = Path(guard.__file__)
    return subprocess.run([sys.executable, "-I", "-S", script], input="".join(lines), text=True, timeout=10).returncode


def test_pipe_end_kills_what_lives(sleeper) -> None:
    assert guarding(f"+{sleeper.pid}\n") == 0
    assert sleeper.wait(5) == -9


def test_what_ended_in_order_is_left_alone(sleeper) -> None:
    assert guarding(f"+{sleeper.pid}\n", f"-{sleeper.pid}\n") == 0
    with pytest.raises(subprocess.TimeoutExpired):
        sleeper.wait(0.3)


def test_group_that_is_gone_is_no_error(sleeper) -> None:
    sleeper.kill()
    sleeper.wait()
    assert guarding(f"+{sleeper.pid}\n") == 0


def test_whole_group_goes(tmp_path: Path) -> None:
    """A grandchild that its parent did not take along."""
    shell = subprocess.Popen(
        ["sh", "-c", 'sleep 60 & echo $! > "$0"; wait', str(tmp_path / "pid")], start_new_session=True
    )
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert shell.poll() is None
    grandchild = int((tmp_path / "pid").read_text())
    assert guarding(f"+{shell.pid}\n") == 0
    shell.wait(5)
    wait_for(lambda: not is_running(grandchild), 60, "the grandchild lives on")
