"""The clients' packages: once for each state of a lock, and a failure says why."""

import sys
from pathlib import Path

import pytest

from tests.interop import installed


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were made, in a cache of the test's own."""
    monkeypatch.setattr(installed, "CACHE", tmp_path / "cache")
    return []


def test_a_lock_is_installed_once_and_its_earlier_states_go(made: list[Path], tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        folder.mkdir()
        made.append(folder)

    lock = tmp_path / "lock"
    for text in ("one", "one", "two"):
        lock.write_text(text)
        folder = installed._once("python", lock, make)
    assert len(made) == 2
    assert folder == made[1]
    assert not made[0].exists()


def test_what_was_left_half_done_is_done_again(made: list[Path], tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        folder.mkdir()
        made.append(folder)
        if len(made) == 1:
            raise KeyboardInterrupt

    lock = tmp_path / "lock"
    lock.write_text("one")
    with pytest.raises(KeyboardInterrupt):
        installed._once("node", lock, make)
    assert (installed._once("node", lock, make) / "complete").exists()


def test_a_failure_says_the_installer_s_last_line(tmp_path: Path) -> None:
    said = "import sys; print('looking', file=sys.stderr); sys.exit('no network')"
    with pytest.raises(installed.NotInstalled, match=r"^no network$"):
        installed._install([sys.executable, "-c", said], tmp_path)
