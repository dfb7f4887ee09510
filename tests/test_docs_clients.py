"""docs/clients: the versions it names are those of the locks, and each program has a test that runs it."""

import json
import re
from pathlib import Path

import pytest

from tests import docs
from tests.interop import installed

CLIENTS = docs.ROOT / "docs" / "clients.md"
PAGES = sorted((docs.ROOT / "docs" / "clients").glob("*.md"))
# A page that is run as one script, whatever its headings.
WHOLE = {"curl"}


def locked() -> dict[str, str]:
    """Each Python package's version, and each npm package's with `npm:` before its name."""
    python = re.findall(r"^([a-z0-9._-]+)==(\S+)", installed.PYTHON_LOCK.read_text(), re.MULTILINE)
    packages = json.loads(installed.NODE_LOCK.read_text())["packages"].items()
    node = ((path.removeprefix("node_modules/"), about.get("version", "")) for path, about in packages)
    return dict(python) | {f"npm:{name}": version for name, version in node}


@pytest.mark.parametrize(
    ("row", "packages"),
    [
        ("Python: `openai`", ["openai"]),
        ("`openai-agents`", ["openai-agents"]),
        ("`langchain-openai`", ["langchain-openai"]),
        ("Node: `openai`", ["npm:openai", "npm:ai", "npm:@ai-sdk/openai"]),
        ("`deny-sh`", ["deny-sh"]),
    ],
)
def test_the_versions_are_those_that_are_run(row: str, packages: list[str]) -> None:
    (line,) = (line for line in CLIENTS.read_text(encoding="utf-8").splitlines() if row in line.partition(" | ")[0])
    named = re.findall(r"[\d.]+", line.split(" | ")[1])
    versions = locked()
    assert named == [".".join(versions[package].split(".")[:2]) for package in packages]


def headings(page: Path) -> list[str]:
    """Those with a program under them."""
    found = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [heading for heading in found if docs.under(page, heading)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_program_is_run_by_a_test(page: Path) -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in installed.HERE.glob("test_*.py"))
    assert headings(page)
    if page.stem in WHOLE:
        assert f"{page.name}" in tests
    else:
        assert [heading for heading in headings(page) if f'"{heading}"' not in tests] == []
