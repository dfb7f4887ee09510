"""Readers of a foreground API turn: when the last one leaves, the turn is not worth going on with for long.

Browser and background turns outlive their readers and are not counted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from chat import hosting
from chat.events import EventLog
from chat.models import Door
from chat.turn import Turn

LINGER_SECONDS = 30.0


def finder(turn: Turn | None) -> Callable[[str], EventLog | None]:
    """How a reader finds the log: that of the turn it started at once, for a turn can be over before its first look.

    A warm-up that stores nothing waits for nothing at all, and leaves no other copy.
    """
    if turn is None:
        return hosting.here().find
    return lambda _: None if turn.log.fenced else turn.log


@asynccontextmanager
async def reading(turn: Turn | None) -> AsyncIterator[None]:
    """Count a reader in and out. After the last one: 30 s to come back, none if nothing is stored."""
    if turn is None or turn.door != Door.API:
        yield
        return
    turn.reader_count += 1
    try:
        yield
    finally:
        turn.reader_count -= 1
        if turn.reader_count == 0 and not turn.log.ended:
            if turn.stored:
                asyncio.get_running_loop().call_later(LINGER_SECONDS, _stop_if_alone, turn)
            else:
                turn.stop("client_left")


def _stop_if_alone(turn: Turn) -> None:
    if turn.reader_count == 0 and not turn.log.ended:
        turn.stop("client_left")
