"""Upstreams in trouble: passed over, tried again, and known to every process."""

import time
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest
import redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chat.providers import health
from chat.providers import stream as streams
from chat.providers.errors import UpstreamForbidden, UpstreamLimited, UpstreamUnavailable, UpstreamUnfit
from deny_web import valkey
from tests.asking import at, connections, refused, said
from tests.upstream import Upstream, error, running, text

DOWN = UpstreamUnavailable()


@pytest.fixture(autouse=True)
async def _connections(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(streams, "_FIRST_DELAY", 0.01)
    async with connections():
        yield


@pytest.fixture
def second() -> Iterator[Upstream]:
    with running() as started:
        yield started


def fail(name: str, times: int = health.PASSED_OVER_AFTER) -> None:
    for _ in range(times):
        health.failed(at("http://127.0.0.1:9/v1", name), DOWN)


def pause_of(name: str) -> float:
    (trouble,) = (told for key, told in valkey.sync().hgetall("upstreams:trouble").items() if name in key.decode())
    known = orjson.loads(trouble)
    return float(known["until"] - known["changed"])


def names(*of: str) -> list[str]:
    return [one.name for one in health.usable(tuple(at("http://127.0.0.1:9/v1", name) for name in of))]


async def test_after_three_failures_in_a_row_it_is_passed_over(upstream: Upstream, second: Upstream) -> None:
    upstream.queue(error(500, times=2 * health.PASSED_OVER_AFTER))  # each is tried twice
    second.queue(text(times=0))
    for _ in range(health.PASSED_OVER_AFTER):
        assert (await said(at(upstream.url), at(second.url, "two")))[1] == ["one", "two"]
    assert (await said(at(upstream.url), at(second.url, "two")))[1] == ["two"]


async def test_an_answer_in_between_begins_the_count_anew(upstream: Upstream, second: Upstream) -> None:
    second.queue(text(times=0))
    for _ in range(3):
        upstream.queue(error(500, times=4), text())
        for _ in range(3):
            assert "one" in (await said(at(upstream.url), at(second.url, "two")))[1]


async def test_one_request_tries_it_again_while_the_others_pass_it_by(monkeypatch: pytest.MonkeyPatch) -> None:
    fail("one")
    assert names("one", "two") == ["two"]
    later = time.time() + 3
    monkeypatch.setattr(time, "time", lambda: later)
    assert names("one", "two") == ["one", "two"]
    assert names("one", "two") == ["two"]


async def test_a_recovery_puts_it_first_again(
    upstream: Upstream, second: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        health.failed(at(upstream.url), DOWN)
    await health.settled()
    later = time.time() + 3
    monkeypatch.setattr(time, "time", lambda: later)
    upstream.queue(text("Back.", times=2))
    for _ in range(2):
        assert await said(at(upstream.url), at(second.url, "two")) == ("Back.", ["one"])
    await health.settled()
    assert not valkey.sync().hgetall("upstreams:trouble")


async def test_the_pause_grows_to_a_minute() -> None:
    pauses = []
    for times in range(1, 12):
        fail("one", 1)
        await health.settled()
        pauses.append(pause_of("one"))
        assert times == len(pauses)
    assert pauses[:7] == pytest.approx([0, 0, 2, 4, 8, 16, 32], abs=0.01)
    assert max(pauses) == pytest.approx(health.LONGEST, abs=0.01)


async def test_an_upstream_that_says_how_long_is_believed_up_to_a_minute() -> None:
    for name, said_to_wait, expected in (("one", 20.0, 20.0), ("two", 9000.0, health.LONGEST)):
        for _ in range(health.PASSED_OVER_AFTER):
            health.failed(at("http://127.0.0.1:9/v1", name), UpstreamLimited(retry_after=said_to_wait))
        await health.settled()
        assert pause_of(name) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("kind", [UpstreamUnfit, UpstreamForbidden])
async def test_what_one_request_brings_about_says_nothing_of_health(kind: type[UpstreamUnfit]) -> None:
    """Else whoever asks for a model that is not there would put the upstream out of use for the workspace."""
    for _ in range(5):
        health.failed(at("http://127.0.0.1:9/v1"), kind())
    assert names("one", "two") == ["one", "two"]


async def test_where_all_are_in_trouble_all_are_asked(upstream: Upstream) -> None:
    fail("two")
    for _ in range(3):
        health.failed(at(upstream.url), DOWN)
    upstream.queue(text("Back."))
    assert await said(at(upstream.url), at("http://127.0.0.1:9/v1", "two")) == ("Back.", ["one"])


async def test_an_upstream_alone_is_always_asked(upstream: Upstream) -> None:
    for _ in range(9):
        health.failed(at(upstream.url), DOWN)
    upstream.queue(text("Back."))
    assert await said(at(upstream.url)) == ("Back.", ["one"])


async def test_another_process_learns_of_it_and_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    fail("one")
    await health.settled()
    health.forget()  # as a process that has seen nothing
    assert names("one", "two") == ["one", "two"]  # it looks beside this request, not before it
    await health.settled()
    assert names("one", "two") == ["two"]
    valkey.sync().delete("upstreams:trouble")  # as the process does that saw it answer
    later = time.time() + 3
    monkeypatch.setattr(time, "time", lambda: later)
    health._looked = 0.0
    names("one", "two")
    await health.settled()
    assert names("one", "two") == ["one", "two"]


async def test_changed_settings_begin_without_a_past() -> None:
    fail("one")
    changed = at("http://127.0.0.1:9/v1", identity=("one", "http://127.0.0.1:9/v1", 2))
    other = at("http://127.0.0.1:9/v1", "two")
    assert health.usable((changed, other)) == (changed, other)


async def test_when_all_is_well_valkey_is_not_waited_for(
    upstream: Upstream, second: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor needed: it is given an address where nothing listens."""
    nowhere = redis.asyncio.Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(valkey, "aio", lambda: nowhere)
    upstream.queue(text("Well."))
    assert await said(at(upstream.url), at(second.url, "two")) == ("Well.", ["one"])
    upstream.queue(error(500, times=2))
    second.queue(text("Here."))
    assert await said(at(upstream.url), at(second.url, "two")) == ("Here.", ["one", "two"])
    await nowhere.aclose()


async def test_what_is_told_carries_no_address_and_no_key(upstream: Upstream) -> None:
    upstream.queue(error(401, times=1))
    await refused(at(upstream.url, identity=("tenant", 7, 1)))
    await health.settled()
    (told,) = valkey.sync().hgetall("upstreams:trouble").items()
    assert told[0] == b"tenant:7:1"
    assert orjson.loads(told[1])["code"] == "upstream_key_refused"
    assert b"127.0.0.1" not in told[1]
