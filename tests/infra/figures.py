"""What tests measured, said once more at the end of the run, whichever of its processes measured it."""

from collections.abc import Callable, Iterable

import pytest

_said = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_said] = []


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """`say(line)` puts a figure into the run's last lines."""
    return pytestconfig.stash[_said].append


def pytest_sessionfinish(session: pytest.Session) -> None:
    if output := getattr(session.config, "workeroutput", None):  # pytest-xdist's, on its way to the first process
        output["said"] = session.config.stash[_said]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    node.config.stash[_said] += getattr(node, "workeroutput", {}).get("said", [])


def pytest_terminal_summary(terminalreporter) -> None:
    lines: Iterable[str] = terminalreporter.config.stash[_said]
    if lines:
        terminalreporter.section("figures", sep="-")
    for line in lines:
        terminalreporter.line(line)
