"""The `upstream` fixture."""

from collections.abc import Iterator

import pytest

from tests.upstream.control import Upstream, running


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A scripted upstream of the test's own; fails at the end where the script and the requests do not agree."""
    with running() as started:
        yield started
        started.assert_used()
