"""Asking a turn's upstream for a step, and the others where it does not begin to answer."""

from collections.abc import Awaitable, Callable
from typing import Any

from chat import origins
from chat.providers import fallback
from chat.providers.fallback import Batches
from chat.providers.upstream import Upstream
from chat.turn import Turn


async def ask(turn: Turn, body: Callable[[Turn], Awaitable[dict[str, Any]]]) -> Batches:
    """The step's events in batches. `turn.upstream` is then the one that answers, for the steps that follow too.

    Raises ProviderError, of the last upstream that was asked.
    """

    async def body_for(upstream: Upstream) -> dict[str, Any]:
        if upstream is not turn.upstream:
            turn.upstream = upstream
            turn.context = origins.foreign(turn.context)
        return await body(turn)

    return await fallback.opened(_in_order(turn), body_for)


def _in_order(turn: Turn) -> tuple[Upstream, ...]:
    """The one that answered last, then the others as the route has them."""
    if not turn.choices or turn.choices[0] is turn.upstream:
        return turn.choices or (turn.upstream,)
    return turn.upstream, *(one for one in turn.choices if one is not turn.upstream)
