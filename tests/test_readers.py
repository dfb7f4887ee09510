"""Readers of a foreground API turn: the last one's leaving ends it, after a while to come back if it is stored."""

import asyncio

import pytest

from chat.doors import readers
from chat.turn import Turn
from tests.test_step_events import make_turn

LINGER = 0.05


def live(*, stored: bool, door: str = "api") -> Turn:
    turn = make_turn()
    turn.stored, turn.door = stored, door
    return turn


async def lingered() -> None:
    """Waits until whatever was planned for the end of the linger before now has been done."""
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(LINGER, done.set)
    await done.wait()
    await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert readers.LINGER_SECONDS == 30.0
    monkeypatch.setattr(readers, "LINGER_SECONDS", LINGER)


async def test_a_stored_turn_goes_on_for_a_while_after_its_last_reader() -> None:
    turn = live(stored=True)
    async with readers.reading(turn):
        async with readers.reading(turn):
            pass
        await lingered()
        assert turn.stop_reason is None
    assert turn.stop_reason is None
    await lingered()
    assert turn.stop_reason == "client_left"


async def test_a_reader_who_comes_back_in_time_keeps_it_going() -> None:
    turn = live(stored=True)
    async with readers.reading(turn):
        pass
    async with readers.reading(turn):
        await lingered()
        assert turn.stop_reason is None


async def test_what_stores_nothing_stops_at_once() -> None:
    turn = live(stored=False)
    async with readers.reading(turn):
        pass
    assert turn.stop_reason == "client_left"


@pytest.mark.parametrize("door", ["browser", "background"])
async def test_other_turns_outlive_their_readers(door: str) -> None:
    turn = live(stored=True, door=door)
    async with readers.reading(turn):
        pass
    await lingered()
    assert turn.stop_reason is None


async def test_a_turn_that_has_ended_is_not_stopped() -> None:
    turn = live(stored=True)
    async with readers.reading(turn):
        pass
    turn.log.emit({"type": "response.completed", "response": {}})
    await lingered()
    assert turn.stop_reason is None
