"""The load: what each connection asks, how often, and what all of them measured. Times are in seconds."""

import asyncio
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Protocol

# A chain is made this long before the stopwatch starts, and taken up again at that place once it is LONGEST: a longer
# run shall not ask for longer chains than a shorter one.
SHORTEST, LONGEST = 3, 6
_LINK = "burst-1"
_ID = re.compile(rb'"id": ?"(resp_[^"]+)"')


class Failed(Exception):
    """The server answered with something else than a complete response."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: when it was asked for, its first delta and its end came; `start` is the first that was read."""

    began: float
    first: float | None
    ended: float
    deltas: int
    start: bytes


class Connection(Protocol):
    """Something that can be asked again and again, one response at a time."""

    async def ask(self, body: bytes) -> Answer:
        """Sends the request and returns when its answer has ended. Raises Failed."""


@dataclass
class Load:
    """What a run measured."""

    firsts: list[float] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    deltas: int = 0
    requests: int = 0
    seconds: float = 0.0

    @property
    def first(self) -> float:
        """The median time to the first delta."""
        return median(self.firsts) if self.firsts else 0.0

    @property
    def length(self) -> float:
        """The median time of a whole answer."""
        return median(self.lengths) if self.lengths else 0.0

    @property
    def rate(self) -> float:
        """Deltas a second, over all connections."""
        return self.deltas / self.seconds

    @property
    def requests_rate(self) -> float:
        """Requests a second, over all connections."""
        return self.requests / self.seconds

    def add(self, answer: Answer) -> None:
        """One finished request."""
        if answer.first is not None:
            self.firsts.append(answer.first - answer.began)
        self.lengths.append(answer.ended - answer.began)
        self.deltas += answer.deltas
        self.requests += 1


class Asker:
    """What one connection asks: the same each time or, where `chained`, going on from its last response."""

    def __init__(self, connection: Connection, body: dict[str, Any], chained: bool) -> None:
        self._connection, self._body, self._chained = connection, body, chained
        self._encoded = json.dumps(body).encode()
        self._ids: list[str] = []

    async def prepare(self) -> None:
        """Makes the first links, which nothing is measured of."""
        while self._chained and len(self._ids) < SHORTEST:
            await self._ask(self._next({**self._body, "model": _LINK}))

    async def ask(self) -> Answer:
        """Asks once."""
        return await self._ask(self._next(self._body) if self._chained else self._encoded)

    async def _ask(self, body: bytes) -> Answer:
        answer = await self._connection.ask(body)
        if self._chained:
            found = _ID.search(answer.start)
            if not found:
                raise Failed("the answer does not begin with its id")
            if len(self._ids) == LONGEST:
                del self._ids[SHORTEST:]
            self._ids.append(found[1].decode())
        return answer

    def _next(self, body: dict[str, Any]) -> bytes:
        return json.dumps({**body, "previous_response_id": self._ids[-1]} if self._ids else body).encode()


async def drive(
    connections: Sequence[Connection],
    body: dict[str, Any],
    *,
    seconds: float = 0.0,
    times: int = 1,
    spread: float = 0.0,
    chained: bool = False,
) -> Load:
    """Every connection asks again for `seconds`, or `times` times. Their starts are spread over `spread` seconds."""
    load = Load()
    askers = [Asker(connection, body, chained) for connection in connections]
    async with asyncio.TaskGroup() as group:
        for asker in askers:
            group.create_task(asker.prepare())
    began = time.perf_counter()

    async def one(place: int, asker: Asker) -> None:
        await asyncio.sleep(spread * place / len(askers))
        done = 0
        while done < times or time.perf_counter() - began < seconds:
            load.add(await asker.ask())
            done += 1

    async with asyncio.TaskGroup() as group:
        for place, asker in enumerate(askers):
            group.create_task(one(place, asker))
    load.seconds = time.perf_counter() - began
    return load
