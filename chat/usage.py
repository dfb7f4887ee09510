"""What each response used, collected in memory and written in batches: a request pays a microsecond for it.

A process that is killed loses its last half second. Of responses that have a row nothing is lost: the row says whether
it is in the sums, and beat's sweep adds what a killed process did not. Of those that store nothing it stays lost.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from chat import accounts
from chat.models import Response
from chat.models.response import ENDED
from chat.turn import Turn
from deny_web import db
from tenants import limits, prices, usage
from tenants.limits import Bucket
from tenants.usage import Place, Sums

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
_LEFT_BEHIND = timedelta(minutes=1)
_A_SWEEP = 2000


@dataclass(slots=True)
class _Batch:
    unstored: dict[Place, Sums] = field(default_factory=dict)
    stored: list[tuple[str, Place, Sums]] = field(default_factory=list)
    corrections: dict[Bucket, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.unstored or self.stored or self.corrections)


class Collector:
    """One per event loop."""

    def __init__(self) -> None:
        self._batch = _Batch()
        self._now = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def add(self, turn: Turn) -> None:
        """Count a turn that has ended."""
        self.count(turn.tenant_id, turn.account, turn.door, "" if turn.unwritten is not None else turn.response_id)

    def count(self, tenant_id: uuid.UUID, account: accounts.Account, door: str, response_id: str) -> None:
        """Count what an account was used for; `response_id` where it has a row."""
        used = account.used or accounts.Used()
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        place = Place(
            tenant_id,
            hour,
            account.api_key_id or 0,
            account.user_id or 0,
            account.model[:200],
            door,
        )
        sums = _sums(used, account.cost)
        batch = self._batch
        if response_id:
            batch.stored.append((response_id, place, sums))
        else:
            before = batch.unstored.get(place)
            batch.unstored[place] = before.plus(sums) if before else sums
        for bucket in account.buckets:
            batch.corrections[bucket] = batch.corrections.get(bucket, 0) + used.total - account.taken
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_until_empty())

    async def flush(self) -> None:
        """Write what is collected, now."""
        if self._writer is not None:
            self._now.set()
            await asyncio.wait([self._writer])

    async def _write_until_empty(self) -> None:
        while not self._batch.is_empty:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._now.wait(), FLUSH_SECONDS)
            if not await self._write() and self._now.is_set():
                return  # the process is going down, and the database does not answer

    async def _write(self) -> bool:
        batch, self._batch = self._batch, _Batch()
        if batch.corrections:
            await db.run(limits.correct, batch.corrections.items())
        try:
            await db.write(_write, batch)
        except (OperationalError, InterfaceError) as error:
            logger.warning("usage waits: %s", type(error).__name__)
            self._take_back(batch)
            return False
        except Exception:  # a number that the database does not take, say: one workspace's must not cost the others'
            await _write_apart(batch)
        return True

    def _take_back(self, batch: _Batch) -> None:
        self._batch.stored = batch.stored + self._batch.stored
        for place, sums in batch.unstored.items():
            newer = self._batch.unstored.get(place)
            self._batch.unstored[place] = newer.plus(sums) if newer else sums


_collectors: WeakKeyDictionary[asyncio.AbstractEventLoop, Collector] = WeakKeyDictionary()


def here() -> Collector:
    """The collector of the running event loop."""
    return _collectors.setdefault(asyncio.get_running_loop(), Collector())


async def _write_apart(batch: _Batch) -> None:
    """Each workspace's by itself; what cannot be written of one is lost, and said."""
    parts: dict[uuid.UUID, _Batch] = {}
    for place, sums in batch.unstored.items():
        parts.setdefault(place.tenant_id, _Batch()).unstored[place] = sums
    for row in batch.stored:
        parts.setdefault(row[1].tenant_id, _Batch()).stored.append(row)
    for tenant_id, part in parts.items():
        try:
            await db.write(_write, part)
        except Exception as error:
            logger.error("usage of workspace %s was lost: %s", tenant_id, type(error).__name__)


def _write(batch: _Batch) -> None:
    with transaction.atomic():
        rows: list[tuple[Place, Sums]] = list(batch.unstored.items())
        if batch.stored:
            ids = [response_id for response_id, _, _ in batch.stored]
            known = Response.objects.filter(pk__in=ids)
            # What the sweep was quicker with. A response that was deleted meanwhile still counts.
            counted = set(known.select_for_update().filter(counted=True).values_list("pk", flat=True))
            known.update(counted=True)
            rows += [(place, sums) for response_id, place, sums in batch.stored if response_id not in counted]
        usage.write(_summed(rows))


def count_left() -> None:
    """Beat's round: add what killed processes had not added, each response in the hour of its end."""
    with transaction.atomic():
        late = Response.objects.filter(counted=False, ended_at__lt=timezone.now() - _LEFT_BEHIND, status__in=ENDED)
        found = list(late.select_for_update(of=("self",)).select_related("tenant").order_by("ended_at")[:_A_SWEEP])
        if found:
            Response.objects.filter(pk__in=[row.pk for row in found]).update(counted=True)
            usage.write(_summed(_of_row(row) for row in found if row.usage))


def _of_row(row: Response) -> tuple[Place, Sums]:
    ended = (row.ended_at or row.created_at).astimezone(UTC)
    used = accounts.used(row.usage)
    model = row.model or ""
    cost = row.cost
    if cost is None:
        cost = used.amount(prices.rate(row.tenant, model)).nano
    hour = ended.replace(minute=0, second=0, microsecond=0)
    place = Place(row.tenant_id, hour, row.api_key_id or 0, row.user_id or 0, model, row.door)
    return place, _sums(used, cost)


def _sums(used: accounts.Used, cost: int | None) -> Sums:
    return Sums(1, used.input, used.cached, used.output, cost or 0, int(cost is None))


def _summed(rows: Iterable[tuple[Place, Sums]]) -> list[tuple[Place, Sums]]:
    """One row a place: a statement may touch each only once."""
    found: dict[Place, Sums] = {}
    for place, sums in rows:
        before = found.get(place)
        found[place] = before.plus(sums) if before else sums
    return list(found.items())
