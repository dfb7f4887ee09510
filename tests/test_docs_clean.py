"""Nothing in the repository tells of the machine that it was written on, or needs one particular package index."""

import re
import subprocess
from pathlib import Path

import pytest

from tests import docs

_MACHINE = re.compile(rf"(?<![\w.])(?:/home/[a-z]|/root/|/Users/[a-z]|{re.escape(str(docs.ROOT))}/)|C:\\Users")
_INDEX = re.compile(r"//[\w.-]*(?:pypi\.org|pythonhosted\.org|registry\.npmjs)")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=docs.ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout, so what is committed cannot be told")
    paths = [docs.ROOT / name for name in listed.stdout.split("\0") if name]
    skipped = {Path(__file__).name, "vendor"}  # this file holds what it looks for
    return [path for path in paths if path.is_file() and not skipped & set(path.parts)]


def findings(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # pictures and fonts
        found += [f"{path.relative_to(docs.ROOT)}: {match[0]}" for match in pattern.finditer(text)]
    return found


def test_no_path_of_a_machine_is_committed() -> None:
    assert not findings(_MACHINE, tracked())


def test_no_package_index_is_committed() -> None:
    assert not findings(_INDEX, tracked())


def test_the_patterns_find_what_they_look_for() -> None:
    assert _MACHINE.search("cd /home/alice/app")
    assert _MACHINE.search(f"cd {docs.ROOT}/docs")
    assert _INDEX.search("https://pypi.org/simple")
