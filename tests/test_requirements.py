"""The locked requirements: every package by hash, no index and no path, and nothing wanted that is not locked."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {  # each with the lists that it fulfils
    "requirements.txt": ["requirements.in"],
    "requirements-dev.txt": ["requirements.in", "requirements-dev.in"],
    "tests/interop/requirements.txt": ["tests/interop/requirements.in"],
}


def pins(name: str) -> dict[str, list[str]]:
    """Each locked package with its hashes; the marker is part of the name, since platforms may differ."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in (ROOT / name).read_text().splitlines():
        if match := re.match(r"^([a-z0-9._-]+)==(\S+)(.*?)\s*\\?$", line):
            current = f"{match[1]}=={match[2]}{match[3].removesuffix(' ')}"
            found[current] = []
        elif match := re.match(r"^    --hash=(sha256:[0-9a-f]{64})( \\)?$", line):
            found[current].append(match[1])
        else:
            assert line.startswith("#") or not line, f"{name} has a line of another kind: {line}"
    return found


def wanted(name: str) -> set[str]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {re.split(r"[\[<>=;! ]", line)[0].lower() for line in lines if line and not line.startswith("-")}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_locked_by_hash(name: str) -> None:
    found = pins(name)
    assert len(found) > 40
    assert [package for package, hashes in found.items() if not hashes] == []


@pytest.mark.parametrize("name", [*LOCKS, *sorted({name for names in LOCKS.values() for name in names})])
def test_no_address_and_no_path_is_named(name: str) -> None:
    text = (ROOT / name).read_text()
    assert re.findall(r"https?://|file:|--index-url|--extra-index-url|--find-links|(?:^|\s)[./~]\S*/", text) == []


@pytest.mark.parametrize("name", LOCKS)
def test_everything_wanted_is_locked(name: str) -> None:
    locked = {package.partition("==")[0] for package in pins(name)}
    assert set().union(*map(wanted, LOCKS[name])) - locked == set()


def test_checks_run_on_what_the_app_runs_on() -> None:
    assert set(pins("requirements.txt")) - set(pins("requirements-dev.txt")) == set()
