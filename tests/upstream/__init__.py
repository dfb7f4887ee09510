"""A scripted upstream: a Responses API over real loopback HTTP that answers what a test queued, also wrongly.

    def test_retry(upstream):
        upstream.queue(error(429, retry_after=1), text("Hello", deltas=3))
        ...
        assert upstream.requests()[1]["body"]["model"] == "m"

Steps are used in order; a step with a `model` waits for a request for that model. The `upstream` fixture fails a test
that left a step unused, or that sent a request for which there was none. From other processes:
``python -m tests.upstream --script FILE`` prints the address, and `Upstream(address)` steers it.
"""

from tests.upstream.control import Upstream, running
from tests.upstream.steps import Step, calls, error, items, refusal, text, thinking, unknown

__all__ = ["Step", "Upstream", "calls", "error", "items", "refusal", "running", "text", "thinking", "unknown"]
