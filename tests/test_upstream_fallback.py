"""One upstream after the other: when the next one is asked, when not, and how long each is waited for."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from chat.providers import stream as streams
from chat.providers.errors import ProviderError, UpstreamCut, UpstreamRefused, UpstreamTimeout, UpstreamUnavailable
from tests import tool_api
from tests.asking import at, connections, refused, said, short
from tests.upstream import Step, Upstream, error, running, text


@pytest.fixture(autouse=True)
async def _connections(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(streams, "_FIRST_DELAY", 0.01)  # of the retries' backoff
    async with connections():
        yield


@pytest.fixture
def second() -> Iterator[Upstream]:
    """Stands behind the first; a test queues what it says."""
    with running() as started:
        yield started
        started.assert_used()


@pytest.fixture
def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


def failing(*, status: int) -> Step:
    return error(status, times=0)


@pytest.mark.parametrize("status", [401, 402, 403, 404, 408, 429, 500, 502, 503])
async def test_an_upstream_that_cannot_answer_is_followed_by_the_next(
    status: int, upstream: Upstream, second: Upstream
) -> None:
    upstream.queue(failing(status=status))
    second.queue(text("From the second."))
    assert await said(at(upstream.url), at(second.url, "two")) == ("From the second.", ["one", "two"])


@pytest.mark.parametrize("status", [400, 409, 413, 422])
async def test_a_request_that_is_refused_is_refused_everywhere(
    status: int, upstream: Upstream, second: Upstream
) -> None:
    upstream.queue(failing(status=status))
    assert isinstance(found := await refused(at(upstream.url), at(second.url, "two")), UpstreamRefused)
    assert found.status == status
    assert not second.requests()


async def test_a_connection_that_is_refused(nobody: str, second: Upstream) -> None:
    second.queue(text("Here."))
    assert await said(at(nobody), at(second.url, "two")) == ("Here.", ["one", "two"])


@pytest.mark.parametrize("fault", ["cut", "reset", "stall"])
async def test_an_answer_that_ends_before_its_first_event(fault: str, upstream: Upstream, second: Upstream) -> None:
    upstream.queue(text(fault=fault, after=0, times=0))
    second.queue(text("Here."))
    first = at(upstream.url, timeouts=short(first_byte=0.3))
    assert await said(first, at(second.url, "two")) == ("Here.", ["one", "two"])


async def test_a_server_that_says_nothing_at_all(upstream: Upstream, second: Upstream) -> None:
    upstream.queue(text(wait=30.0, times=0))
    second.queue(text("Here."))
    first = at(upstream.url, timeouts=short(first_byte=0.3))
    assert await said(first, at(second.url, "two")) == ("Here.", ["one", "two"])
    assert len(upstream.requests()) == 1  # who waited for that long is not to wait as long again


@pytest.mark.parametrize("fault", ["cut", "reset"])
async def test_an_answer_that_has_begun_is_not_asked_for_again(
    fault: str, upstream: Upstream, second: Upstream
) -> None:
    upstream.queue(text("One two three four.", fault=fault, after=5))
    assert isinstance(await refused(at(upstream.url), at(second.url, "two")), UpstreamCut)
    assert len(upstream.requests()) == 1
    assert not second.requests()


async def test_an_answer_that_begins_with_its_failure(upstream: Upstream, second: Upstream) -> None:
    failure = {"type": "error", "code": "rate_limit_exceeded", "message": "words of the upstream", "param": None}
    upstream.queue(text(extra=[(0, failure)]))
    second.queue(text("Here."))
    assert (await said(at(upstream.url), at(second.url, "two")))[0] == "Here."


async def test_the_last_one_is_tried_to_the_end_and_the_others_once_more(upstream: Upstream, second: Upstream) -> None:
    upstream.queue(failing(status=500))
    second.queue(failing(status=500))
    assert isinstance(await refused(at(upstream.url), at(second.url, "two")), UpstreamUnavailable)
    assert len(upstream.requests()) == 2
    assert len(second.requests()) == 1 + streams.MAX_RETRIES


async def test_each_is_told_its_own_name_of_the_model(upstream: Upstream, second: Upstream) -> None:
    upstream.queue(failing(status=503))
    second.queue(text())
    await said(at(upstream.url, names={"m": "provider/m"}), at(second.url, "two", names={"m": "local-m"}))
    assert {body["model"] for body in upstream.bodies()} == {"provider/m"}
    assert [body["model"] for body in second.bodies()] == ["local-m"]


@pytest.mark.parametrize(
    ("step", "limits"),
    [
        (text(wait=30.0, times=0), {"first_byte": 0.3}),
        (text(wait=30.0, times=0), {"first_byte": 0.3, "gap": 0.3}),
        (text(fault="stall", after=0, times=0), {"first_byte": 0.3}),
        (text(fault="stall", after=3, times=0), {"gap": 0.3}),
        (text(fault="stall", after=3, times=0), {"gap": 0.3, "first_byte": 0.3}),
        (text("a b c d e f g h", deltas=40, delay=0.1, times=0), {"whole": 0.5}),
    ],
    ids=["headers", "headers of the transport", "first event", "gap", "gap of the transport", "whole"],
)
async def test_each_timeout_ends_as_one(step: Step, limits: dict[str, float], upstream: Upstream) -> None:
    upstream.queue(step)
    found = await refused(at(upstream.url, timeouts=short(**limits)))
    assert isinstance(found, UpstreamTimeout)
    assert (found.code, found.status) == ("upstream_timeout", 504)


async def test_bytes_that_are_no_event_do_not_put_the_first_one_off() -> None:
    """As gateways do that send comments to keep the connection open while the model is silent."""
    with tool_api.running() as api:
        api.handle("/v1/responses", tool_api.drip(0.05))
        found = await refused(at(f"{api.url}/v1", timeouts=short(first_byte=0.4, gap=0.4)))
    assert isinstance(found, UpstreamTimeout)


async def test_no_connection_in_time() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]  # fill the queue, so that the next one hangs
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        found = await refused(at(f"http://127.0.0.1:{address[1]}/v1", timeouts=short(connect=0.2, first_byte=20.0)))
        for one in waiting:
            one.close()
    assert isinstance(found, UpstreamTimeout)


async def test_a_slow_reader_is_not_taken_for_a_pause(upstream: Upstream) -> None:
    upstream.queue(text("one two three", deltas=6, delay=0.05))
    batches = streams.stream(at(upstream.url, timeouts=short(gap=0.4)), {"model": "m", "input": "hi"})
    read = 0
    async for batch in batches:
        read += len(batch)
        if read == 3:
            upstream.wait_state("done")  # a reader that is away for longer than the gap
            await asyncio.sleep(0.6)
    assert read > 6


async def test_no_error_repeats_what_the_upstream_said(nobody: str, upstream: Upstream) -> None:
    errors: list[ProviderError] = [await refused(at(nobody))]
    for status in (400, 401, 403, 404, 429, 500, 302):
        upstream.queue(error(status, "code-of-theirs", times=4 if status in (429, 500) else 1))
        errors.append(await refused(at(upstream.url)))
    for one in errors:
        for told in (str(one), one.sentence, str(one.as_error()), repr(one)):
            assert "script" not in told
            assert "theirs" not in told
            assert "127.0.0.1" not in told
