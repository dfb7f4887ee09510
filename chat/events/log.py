"""The host's side of a response's log: number, keep in memory, append to Valkey, then show to readers.

No reader sees a frame before Valkey has it, not even one in the same process: otherwise a reader could have seen a
number that the host's successor gives to another event.
"""

import asyncio
import logging
from typing import Any

import redis

from chat.events import archive
from chat.events.archive import Append, Verdict
from chat.events.frame import ENDINGS, Frame, encode

logger = logging.getLogger(__name__)

MEMORY_BYTES = 4 * 1024 * 1024  # what a host keeps of one log; older frames are read from Valkey
_FIRST_DELAY = 0.05  # seconds before Valkey is tried again; doubled up to one
BACKLOG_BYTES = 1024 * 1024  # what may wait for Valkey before the model's stream is held back


class Fenced(Exception):
    """Another host owns this response now; stop without a word."""


class EventLog:
    """One response's events. Made by its host.

    `durable` is false for a turn that nobody can come back to; `muted` keeps the ending only, for a client that asked
    for one JSON answer and does not know the response's id before it.
    """

    def __init__(
        self, response_id: str, epoch: int, *, first: int = 0, durable: bool = True, muted: bool = False
    ) -> None:
        self.response_id = response_id
        self.epoch = epoch
        self.durable = durable and not muted
        self.muted = muted
        self.base = first  # number of frames[0]
        self.frames: list[Frame] = []
        self.shown = first  # readers see the numbers below this
        self.next_number = first
        self.ended = False
        self.fenced = False
        self.seeded = first > 0
        self.readers: set[asyncio.Event] = set()
        self.waits = False  # for the flusher, which knows of it already
        self._backlog = 0
        self._kept = 0
        self._room = asyncio.Event()
        self._room.set()

    def emit(self, event: dict[str, Any]) -> int:
        """Number `event` and hand it to the log. Raises Fenced when another host has taken over."""
        if self.fenced:
            raise Fenced
        if self.muted and event["type"] not in ENDINGS:
            self.next_number += 1
            self.base = self.shown = self.next_number
            return self.base - 1
        frame = encode(event, self.next_number)
        self.frames.append(frame)
        self.next_number += 1
        size = len(frame.data)
        self._kept += size
        self._backlog += size
        if self._backlog > BACKLOG_BYTES:
            self._room.clear()
        if not self.durable:
            self.shown = self.next_number
            self.ended = frame.ends
            self.wake_readers()
        elif not self.waits:
            _flusher().wake(self)
        return frame.number

    async def room(self) -> None:
        """Wait while too much waits: for Valkey, or, where nothing is stored, for the one reader.

        An outage there or a slow client here holds the model back, and does not fill our memory.
        """
        if not self._room.is_set():
            await self._room.wait()

    async def flushed(self) -> None:
        """Wait until readers can see everything emitted so far."""
        target, changed = self.next_number, asyncio.Event()
        self.readers.add(changed)
        try:
            while self.shown < target and not self.fenced:
                changed.clear()
                await changed.wait()
        finally:
            self.readers.discard(changed)
        if self.fenced:
            raise Fenced

    def pending(self) -> list[Frame]:
        return self.frames[self.shown - self.base :]

    def show(self, upto: int) -> None:
        """Let readers see the numbers below `upto`, and forget the oldest beyond the memory bound."""
        self.ended = self.ended or self.frames[upto - 1 - self.base].ends
        self.shown = upto
        self._backlog = sum(len(frame.data) for frame in self.pending())
        if self._backlog <= BACKLOG_BYTES:
            self._room.set()
        self._forget_oldest()
        self.wake_readers()

    def read(self, upto: int) -> None:
        """The one reader of a log that is not durable has everything below `upto`: nobody will ask for it again."""
        if self.durable or self.ended:
            return
        read = upto - self.base
        size = sum(len(frame.data) for frame in self.frames[:read])
        del self.frames[:read]
        self.base = upto
        self._kept -= size
        self._backlog -= size
        if self._backlog <= BACKLOG_BYTES:
            self._room.set()

    def shut_out(self) -> None:
        self.fenced = True
        self._room.set()
        self.wake_readers()

    def wake_readers(self) -> None:
        for reader in self.readers:
            reader.set()

    def _forget_oldest(self) -> None:
        drop = 0
        while self._kept > MEMORY_BYTES and drop < self.shown - self.base:
            self._kept -= len(self.frames[drop].data)
            drop += 1
        if drop:
            del self.frames[:drop]
            self.base += drop


class _Flusher:
    """Appends for all logs of one event loop: at most one round trip is under way, the next batch gathers meanwhile."""

    def __init__(self) -> None:
        self._dirty: dict[EventLog, None] = {}
        self._task: asyncio.Task[None] | None = None

    def wake(self, log: EventLog) -> None:
        self._dirty[log] = None
        log.waits = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="event-log-flusher")

    async def _run(self) -> None:
        delay = _FIRST_DELAY
        try:
            while self._dirty:
                logs = [log for log in self._dirty if log.pending()]
                self._forget()
                try:
                    await self._flush(logs)
                    delay = _FIRST_DELAY
                except (redis.RedisError, OSError) as error:
                    logger.warning("Valkey is away (%s); events wait", type(error).__name__)
                    self._dirty |= dict.fromkeys(logs)  # whoever waits for one of them would wait for ever
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, 1.0)
        finally:
            self._task = None
            for log in self._dirty:  # whatever ended this, the next event begins anew
                log.waits = False

    def _forget(self) -> None:
        for log in self._dirty:
            log.waits = False
        self._dirty.clear()

    async def _flush(self, logs: list[EventLog]) -> None:
        if not logs:
            return
        appends = [Append(log.response_id, log.epoch, log.pending(), not log.seeded) for log in logs]
        forgotten = []
        for log, one, verdict in zip(logs, appends, await archive.append(appends), strict=True):
            if verdict is Verdict.APPENDED:
                log.seeded = True
                log.show(one.frames[-1].number + 1)
            elif verdict is Verdict.FENCED:
                log.shut_out()
            else:
                forgotten.append(log)
        for log in forgotten:  # after the others, which an outage now would leave without their verdict
            await self._seed(log)

    async def _seed(self, log: EventLog) -> None:
        """Append all that memory holds. Can break off anywhere: done again, it finds the log forgotten again."""
        # Also met after an answer that was lost on the way: the batch is in, only we do not know.
        last = await archive.fence(log.response_id, log.epoch)
        if last is None:
            log.shut_out()
        elif last >= log.shown:
            log.show(min(last + 1, log.next_number))
            self._dirty[log] = None
        else:
            await archive.forget(log.response_id)
            frames = list(log.frames)
            verdict = (await archive.append([Append(log.response_id, log.epoch, frames, True)]))[0]
            if verdict is Verdict.FENCED:
                log.shut_out()
            elif verdict is Verdict.APPENDED:
                log.seeded = True
                log.show(frames[-1].number + 1)
            else:
                self._dirty[log] = None  # the batch is in, and its answer was lost


_flushers: dict[int, _Flusher] = {}


def _flusher() -> _Flusher:
    key = id(asyncio.get_running_loop())
    found = _flushers.get(key)
    if found is None:
        found = _flushers[key] = _Flusher()
    return found
