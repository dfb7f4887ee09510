"""A process that hosts turns: its heartbeat, its bell, and what becomes of its turns when it goes down."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Set
from datetime import timedelta
from weakref import WeakKeyDictionary

import redis
from channels.layers import get_channel_layer
from django.db import DatabaseError
from django.utils import timezone

from chat import engine, usage
from chat.events import EventLog
from chat.models import Host, Response, Status
from chat.turn import Turn
from deny_web import db, ids

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.5
DEAD_AFTER = timedelta(seconds=8)
GRACE_SECONDS = 5.0  # what turns get to end when the process is asked to go


class TurnHost:
    """One per event loop. Turns run as its tasks and outlive the reader that started them."""

    def __init__(self) -> None:
        self.id = ids.new(f"host_{socket.gethostname()[:16]}_{os.getpid()}")[:64]
        self.turns: dict[str, Turn] = {}
        self._started: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._strays: dict[str, float] = {}  # rows under this host's name that it does not run, and since when

    async def start(self) -> None:
        """Register; safe to call by every turn."""
        if self._started is None:
            self._started = asyncio.create_task(self._register())
        try:
            await asyncio.shield(self._started)
        except BaseException:
            if self._started.done():
                self._started = None
            raise

    async def _register(self) -> None:
        layer = get_channel_layer()
        channel = await layer.new_channel("host.")
        await db.run(Host.objects.create, id=self.id, bell=channel, heartbeat_at=timezone.now())
        self._keep(self._beat())
        self._keep(self._listen(channel))

    def find(self, response_id: str) -> EventLog | None:
        """The live log of a response that this process hosts; none once another host may have taken it over.

        The turn stays among ours until its engine has noticed, which may wait for an upstream meanwhile.
        """
        turn = self.turns.get(response_id)
        return turn.log if turn and not turn.log.fenced else None

    def launch(self, turn: Turn) -> None:
        """Run the turn until it ends, whoever reads."""
        self.turns[turn.response_id] = turn
        turn.task = asyncio.get_running_loop().create_task(self._host(turn), name=turn.response_id)
        self._tasks.add(turn.task)
        turn.task.add_done_callback(self._tasks.discard)

    async def _host(self, turn: Turn) -> None:
        try:
            await engine.run(turn)
        finally:
            self.turns.pop(turn.response_id, None)
            turn.log.shut_out() if not turn.log.ended else turn.log.wake_readers()

    async def stop(self) -> None:
        """Give running turns their grace, then release the rest for take-over and sign off."""
        if self._started is None:
            return
        running = [turn.task for turn in self.turns.values() if turn.task]
        if running:
            await asyncio.wait(running, timeout=GRACE_SECONDS)
        left = list(self.turns.values())
        for turn in left:
            turn.log.shut_out()
            if turn.task:
                turn.task.cancel()
        await asyncio.gather(*(turn.task for turn in left if turn.task), return_exceptions=True)
        await usage.here().flush()
        for task in self._tasks:
            task.cancel()
        await db.run(self._sign_off)

    def _sign_off(self) -> None:
        Response.objects.filter(host_id=self.id).update(host=None)
        Host.objects.filter(pk=self.id).delete()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                await db.run(self._beat_once)
            except DatabaseError as error:
                logger.warning("no heartbeat: %s", type(error).__name__)

    def _beat_once(self) -> None:
        if not Host.objects.filter(pk=self.id).update(heartbeat_at=timezone.now()):
            logger.error("this host was taken for dead; its turns go on elsewhere")
        mine = Response.objects.filter(host_id=self.id, status__in=(Status.QUEUED, Status.IN_PROGRESS))
        rows = dict(mine.values_list("pk", "stop_requested_at"))
        for response_id in (pk for pk, stop_requested_at in rows.items() if stop_requested_at is not None):
            self._stop_soon(response_id)
        self._disown(rows.keys() - self.turns.keys())

    def _disown(self, unknown: Set[str]) -> None:
        """Release rows under this host's name that it does not run, for take-over as if it were dead.

        A reader who leaves while its response is being made, or an answer of the database that was lost on the way,
        leaves one. Its host lives, so that nobody else would ever end it.
        """
        now = time.monotonic()
        self._strays = {pk: self._strays.get(pk, now) for pk in unknown}
        old = [pk for pk, since in self._strays.items() if now - since > DEAD_AFTER.total_seconds()]
        if old:
            logger.warning("%d responses of this host's name are not run here; they are released", len(old))
            Response.objects.filter(pk__in=old, host_id=self.id).update(host=None)

    def _stop_soon(self, response_id: str) -> None:
        turn = self.turns.get(response_id)
        if turn is not None and turn.task is not None:
            turn.task.get_loop().call_soon_threadsafe(turn.stop, "stopped")

    async def _listen(self, channel: str) -> None:
        layer = get_channel_layer()
        while True:
            try:
                message = await layer.receive(channel)
            except (redis.RedisError, OSError):
                await asyncio.sleep(0.5)
                continue
            turn = self.turns.get(message.get("response_id", ""))
            if turn is None:
                continue
            turn.bell.set()
            if message["type"] == "stop":
                turn.stop("stopped")

    def _keep(self, coroutine: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_hosts: WeakKeyDictionary[asyncio.AbstractEventLoop, TurnHost] = WeakKeyDictionary()


def here() -> TurnHost:
    """The host of the running event loop."""
    loop = asyncio.get_running_loop()
    host = _hosts.get(loop)
    if host is None:
        host = _hosts[loop] = TurnHost()
    return host
