"""What this machine cannot run is said in the last lines; with REQUIRE_ALL=1 it is a failure instead."""

import os

import pytest

_missing: dict[str, list[str]] = {}


def require_all() -> bool:
    """Whether this run has to be complete, as in CI."""
    return os.environ.get("REQUIRE_ALL", "") not in {"", "0"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if require_all():
            report.outcome, report.longrepr = "failed", f"{item.nodeid} was skipped, and REQUIRE_ALL is set: {reason}"
        else:
            _missing.setdefault(reason, []).append(item.nodeid)
    return report


def pytest_terminal_summary(terminalreporter) -> None:
    if _missing:
        terminalreporter.section("not run on this machine", sep="-")
    for reason, tests in _missing.items():
        terminalreporter.line(f"{reason}: {len(tests)} tests, such as {tests[0]}")
