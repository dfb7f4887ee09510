"""The reader's side of a log: every frame once, in order, from a number on, wherever the host is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import redis
from django.db import InterfaceError, OperationalError

from chat.events import archive
from chat.events.frame import Frame
from chat.events.log import EventLog
from chat.models import Response
from chat.models.response import ENDED
from deny_web import db

_BLOCK_MS = 1000
# What is handed to a reader at once: all of it waits in memory, once more as text, until the reader has taken it, so
# that these bound what one that does not read costs.
_BATCH_BYTES = 64 * 1024
_READ_BATCHES = 4
_AWAY_SECONDS = 0.2  # between two looks into a Valkey that does not answer


class Gone(Exception):
    """The turn has ended and its log holds nothing for this reader: rebuild from the stored response."""


async def follow(response_id: str, after: int, find: Callable[[str], EventLog | None]) -> AsyncIterator[list[Frame]]:
    """Batches of frames with numbers above `after`, until the ending one.

    `find` answers the live log when this process hosts the response; otherwise the frames come from Valkey, and a look
    into the database once a second tells when there is nothing to wait for any more. It must not answer a log that is
    fenced, from which nothing can be read or waited for: this would ask it again and again and let nobody else run.
    Raises Gone, also for a reader that asks after the ending itself.
    """
    while True:
        log = find(response_id)
        source = _from_memory(log, after) if log else _from_valkey(response_id, after, find)
        async for read in source:
            for batch in _pieces(read):
                after = batch[-1].number
                yield batch
                if batch[-1].ends:
                    return


async def _from_memory(log: EventLog, after: int) -> AsyncIterator[list[Frame]]:
    changed = asyncio.Event()
    log.readers.add(changed)
    try:
        while not log.fenced:
            changed.clear()
            if after + 1 < log.base:  # a reader that fell behind what memory keeps
                try:
                    batch = await archive.read(log.response_id, after, _READ_BATCHES)
                except (redis.RedisError, OSError):
                    await asyncio.sleep(_AWAY_SECONDS)
                    continue
                if not batch:
                    after = log.base - 1  # forgotten after a flush of Valkey: what still exists goes on
                    continue
            else:
                batch = log.frames[after + 1 - log.base : log.shown - log.base]
            if batch:
                after = batch[-1].number
                yield batch
                log.read(after + 1)
            elif log.ended:
                raise Gone
            else:
                await changed.wait()
    finally:
        log.readers.discard(changed)


async def _from_valkey(
    response_id: str, after: int, find: Callable[[str], EventLog | None]
) -> AsyncIterator[list[Frame]]:
    while find(response_id) is None:
        try:
            batch = await archive.wait(response_id, after, _BLOCK_MS, _READ_BATCHES)
        except (redis.RedisError, OSError):
            await asyncio.sleep(_AWAY_SECONDS)
            batch = []
        if batch:
            after = batch[-1].number
            yield batch
        elif await _is_over(response_id):
            batch = await _last_look(response_id, after)
            if not batch:
                raise Gone
            yield batch
            after = batch[-1].number


async def _last_look(response_id: str, after: int) -> list[Frame]:
    # The end is in the database before it is in the log, so one more look with a pause closes that gap.
    for pause in (0, 0.2, 0.5):
        await asyncio.sleep(pause)
        try:
            if batch := await archive.read(response_id, after, _READ_BATCHES):
                return batch
        except (redis.RedisError, OSError):
            continue
    return []


async def _is_over(response_id: str) -> bool:
    try:
        return await db.run(_has_ended, response_id)
    except (OperationalError, InterfaceError):
        return False  # an outage says nothing of the turn: asked again with the next look


def _has_ended(response_id: str) -> bool:
    status = Response.objects.filter(pk=response_id).values_list("status", flat=True).first()
    return status is None or status in ENDED


def _pieces(frames: list[Frame]) -> Iterator[list[Frame]]:
    start = size = 0
    for place, frame in enumerate(frames):
        size += len(frame.data)
        if size >= _BATCH_BYTES:
            yield frames[start : place + 1]
            start, size = place + 1, 0
    if start < len(frames):
        yield frames[start:]
