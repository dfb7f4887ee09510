"""Readers of a foreground API turn: when the last one leaves, the turn is not worth going on with for long.

Browser and background turns outlive their readers and are not counted.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat.models import Door
from chat.turn import Turn

LINGER_SECONDS = 30.0


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
