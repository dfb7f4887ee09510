"""The numbered log: every frame once and in order, whoever reads from wherever, and no host but the newest appends."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import redis

from chat.events import EventLog, Frame, Gone, archive, follow
from chat.events import log as log_module
from chat.events.log import Fenced
from chat.hosting import TurnHost
from deny_web import valkey
from tests.test_step_events import make_turn

RESPONSE = "resp_of_this_test"


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    yield
    await valkey.aio().aclose()


def delta(text: str) -> dict:
    return {"type": "response.output_text.delta", "delta": text}


def ending() -> dict:
    return {"type": "response.completed", "response": {}}


def patient(find: Callable[[str], EventLog | None]) -> Callable[[str], EventLog | None]:
    """`find`, for a reader that waits between its questions: one that only asks lets nobody else run."""
    left = iter(range(50))

    def asked(response_id: str) -> EventLog | None:
        assert next(left, None) is not None, "the reader asks without waiting"
        return find(response_id)

    return asked


async def numbers(log: EventLog | None, after: int = -1) -> list[int]:
    found: list[Frame] = []
    async for batch in follow(RESPONSE, after, patient(lambda _: log)):
        found += batch
    return [frame.number for frame in found]


async def test_readers_here_and_elsewhere_see_every_number_once():
    log = EventLog(RESPONSE, 1)
    here = asyncio.create_task(numbers(log))
    elsewhere = asyncio.create_task(numbers(None))
    for text in "abcdefgh":
        log.emit(delta(text))
        await asyncio.sleep(0.001)
    log.emit(ending())
    assert await here == list(range(9))
    assert await elsewhere == list(range(9))


async def test_a_reader_that_comes_back_goes_on_after_its_last_number():
    log = EventLog(RESPONSE, 1)
    for text in "abcd":
        log.emit(delta(text))
    log.emit(ending())
    await log.flushed()
    assert await numbers(log, after=2) == [3, 4]
    assert await numbers(None, after=2) == [3, 4]


@pytest.mark.parametrize("after", [1, 2, 1_000_000])
async def test_a_reader_after_the_ending_is_told_that_nothing_is_left(after: int):
    log = EventLog(RESPONSE, 1)
    log.emit(delta("a"))
    reader = asyncio.create_task(numbers(log, after))
    await asyncio.sleep(0)
    log.emit(ending())
    await log.flushed()
    with pytest.raises(Gone):
        await reader
    with pytest.raises(Gone):
        await numbers(log, after)


async def test_readers_go_on_elsewhere_while_a_fenced_turn_is_still_here():
    host, turn = TurnHost(), make_turn()
    turn.log = EventLog(RESPONSE, 1)
    host.turns[RESPONSE] = turn
    found: list[int] = []

    async def read() -> None:
        async for batch in follow(RESPONSE, -1, patient(host.find)):
            found.extend(frame.number for frame in batch)

    reader = asyncio.create_task(read())
    turn.log.emit(delta("a"))
    await turn.log.flushed()
    assert await archive.fence(RESPONSE, 2) == 0
    turn.log.shut_out()
    await asyncio.sleep(0)
    successor = EventLog(RESPONSE, 2, first=1)
    successor.emit(ending())
    await successor.flushed()
    await reader
    assert found == [0, 1]


async def test_a_reader_that_fell_behind_waits_while_valkey_is_away(monkeypatch):
    monkeypatch.setattr(log_module, "MEMORY_BYTES", 200)
    log = EventLog(RESPONSE, 1)
    for text in "abcdefgh":
        log.emit(delta(text))
    log.emit(ending())
    await log.flushed()
    assert log.base > 0
    read, tries = archive.read, [redis.ConnectionError(), OSError()]

    async def away(*args: int) -> list[Frame]:
        if tries:
            raise tries.pop()
        return await read(RESPONSE, *args[1:])

    monkeypatch.setattr(archive, "read", away)
    assert await numbers(log) == list(range(9))


async def test_no_reader_sees_a_frame_before_valkey_has_it():
    log = EventLog(RESPONSE, 1)
    log.emit(delta("a"))
    assert log.shown == 0
    await log.flushed()
    assert log.shown == 1
    assert [frame.number for frame in await archive.read(RESPONSE, -1)] == [0]


async def test_a_host_that_was_taken_over_cannot_append():
    log = EventLog(RESPONSE, 1)
    log.emit(delta("a"))
    await log.flushed()
    assert await archive.fence(RESPONSE, 2) == 0
    log.emit(delta("too late"))
    with pytest.raises(Fenced):
        await log.flushed()
    assert len(await archive.read(RESPONSE, -1)) == 1
    with pytest.raises(Fenced):
        log.emit(delta("again"))


async def test_an_older_epoch_cannot_raise_the_fence():
    assert await archive.fence(RESPONSE, 3) == -1
    assert await archive.fence(RESPONSE, 2) is None


async def test_after_a_flush_the_host_seeds_the_log_again():
    log = EventLog(RESPONSE, 1)
    for text in "abc":
        log.emit(delta(text))
    await log.flushed()
    await valkey.aio().flushall()
    log.emit(ending())
    await log.flushed()
    assert await numbers(None) == [0, 1, 2, 3]


class Fails:
    """One of the archive's acts, which breaks off at some of its calls: before it is done, or once it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, at: int, *, done: bool = False) -> None:
        self.act, self.at, self.done, self.calls = getattr(archive, name), at, done, 0
        monkeypatch.setattr(archive, name, self)

    async def __call__(self, *args: object) -> object:
        self.calls += 1
        if self.calls != self.at:
            return await self.act(*args)
        if self.done:
            await self.act(*args)
        raise redis.ConnectionError


@pytest.mark.parametrize(("act", "at"), [("fence", 1), ("forget", 1), ("append", 2)])
async def test_an_outage_while_a_log_is_seeded_again_holds_nobody_up(monkeypatch, act: str, at: int):
    logs = [EventLog(f"resp_{n}", 1) for n in range(3)]
    for log in logs:
        for text in "abc":
            log.emit(delta(text))
    await asyncio.gather(*(log.flushed() for log in logs))
    await valkey.aio().delete("log:resp_0", "log:resp_0:h", "log:resp_1")  # one whole, one back at an older state
    await valkey.aio().hset("log:resp_1:h", "last", "0")
    failing = Fails(monkeypatch, act, at)
    for log in logs:
        log.emit(ending())
    async with asyncio.timeout(20):
        await asyncio.gather(*(log.flushed() for log in logs))
    assert failing.calls > at
    for log in logs:
        assert [frame.number for frame in await archive.read(log.response_id, -1)] == [0, 1, 2, 3]


@pytest.mark.parametrize("at", [1, 2, 3])
async def test_an_answer_of_valkey_s_that_is_lost_doubles_nothing(monkeypatch, at: int):
    log = EventLog(RESPONSE, 1)
    Fails(monkeypatch, "append", at, done=True)
    async with asyncio.timeout(20):
        for event in (delta("a"), delta("b"), ending()):
            log.emit(event)
            await log.flushed()
    assert await numbers(log) == await numbers(None) == [0, 1, 2]


async def test_memory_is_bounded_and_old_frames_come_from_valkey(monkeypatch):
    monkeypatch.setattr(log_module, "MEMORY_BYTES", 2000)
    log = EventLog(RESPONSE, 1)
    for number in range(200):
        log.emit(delta(str(number)))
        if number % 20 == 0:
            await log.flushed()
    log.emit(ending())
    await log.flushed()
    assert sum(len(frame.data) for frame in log.frames) <= 2000
    assert await numbers(log) == list(range(201))


async def test_a_full_backlog_holds_the_model_back(monkeypatch):
    monkeypatch.setattr(log_module, "BACKLOG_BYTES", 500)
    log = EventLog(RESPONSE, 1)
    for _ in range(10):
        log.emit(delta("x" * 100))
    room = asyncio.create_task(log.room())
    await asyncio.sleep(0)
    assert not room.done()
    await asyncio.wait_for(room, 30)


async def test_many_logs_share_a_round_trip_and_keep_apart():
    logs = [EventLog(f"resp_{n}", 1) for n in range(20)]
    for log in logs:
        for text in "ab":
            log.emit(delta(text))
    await asyncio.gather(*(log.flushed() for log in logs))
    for log in logs:
        assert [frame.number for frame in await archive.read(log.response_id, -1)] == [0, 1]


async def test_where_nothing_is_stored_a_slow_reader_holds_the_model_back(monkeypatch):
    monkeypatch.setattr(log_module, "BACKLOG_BYTES", 2000)
    log = EventLog(RESPONSE, 1, durable=False)
    found: list[int] = []

    async def read_slowly() -> None:
        async for batch in follow(RESPONSE, -1, lambda _: log):
            await asyncio.sleep(0.01)
            found.extend(frame.number for frame in batch)

    reader = asyncio.create_task(read_slowly())
    most = 0
    for number in range(300):
        log.emit(delta(str(number)))
        await log.room()
        most = max(most, sum(len(frame.data) for frame in log.frames))
    log.emit(ending())
    await reader
    assert found == list(range(301))
    assert most < 5000
    assert not await archive.exists(RESPONSE)
