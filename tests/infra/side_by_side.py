"""The order in which files go to processes that test side by side (pytest-xdist, `-n auto`).

Each process has its own data directory, database, Valkey and ports (tests/settings.py), and gets the next file when it
is through with one. The files that start processes go first: they are the long ones, and the short ones fill up the
end.
"""

import os

import pytest

MOST = 4  # an app takes half a gigabyte
TIMEOUT = 300  # seconds that a test with the whole app may take on a busy machine; others have pyproject's


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two even on one processor: much of a test of the app is waiting."""
    return min(max(os.cpu_count() or 1, 2), MOST)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    with_app = [item for item in items if item.get_closest_marker("e2e")]
    for item in with_app:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TIMEOUT))
    if hasattr(config, "workerinput"):
        first = {item.path for item in with_app}
        items.sort(key=lambda item: item.path not in first)
