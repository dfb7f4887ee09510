"""How a turn's events begin: a background response was queued, any other one was not."""

import pytest

from chat import engine
from chat.events.frame import Frame
from tests.test_step_events import make_turn


async def begun(door: str) -> list[Frame]:
    turn = make_turn(generate=False)
    turn.door = door
    await engine._steps(turn)
    return turn.log.frames


@pytest.mark.parametrize("door", ["api", "browser"])
async def test_a_foreground_turn_is_in_progress_at_once(door: str) -> None:
    frames = await begun(door)
    assert [frame.type for frame in frames] == ["response.created", "response.in_progress"]
    assert {frame.event()["response"]["status"] for frame in frames} == {"in_progress"}


async def test_a_background_turn_was_queued_first() -> None:
    frames = await begun("background")
    assert [frame.type for frame in frames] == ["response.created", "response.queued", "response.in_progress"]
    assert [frame.event()["response"]["status"] for frame in frames] == ["queued", "queued", "in_progress"]
    assert [frame.number for frame in frames] == [0, 1, 2]
