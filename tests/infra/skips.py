"""What this machine cannot run is said in the last lines; with REQUIRE_ALL=1 it is a failure instead."""

import os
from pathlib import Path

import pytest

_missing: dict[str, list[str]] = {}  # of this process, or of all that it started to test side by side


def require_all() -> bool:
    """Whether this run has to be complete, as in CI."""
    return os.environ.get("REQUIRE_ALL", "") not in {"", "0"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if require_all() and report.skipped and not hasattr(report, "wasxfail"):
        because = f"{item.nodeid} was skipped, and REQUIRE_ALL is set: {_reason(report)}"
        report.outcome, report.longrepr = "failed", because
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _missing.setdefault(_reason(report), []).append(report.nodeid)


def _reason(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter) -> None:
    lines = [f"{reason}: {len(tests)} tests, such as {tests[0]}" for reason, tests in _missing.items()]
    if lines:
        terminalreporter.section("not run on this machine", sep="-")
    for line in lines:
        terminalreporter.line(line)
    if path := os.environ.get("NOT_RUN_FILE"):  # tests.run says them again at its very end
        Path(path).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
