"""Which upstreams are in trouble: a small circuit breaker, in memory, told to the other processes through Valkey.

After three failures in a row an upstream is passed over, for 2 seconds, then for longer, at most 60. When the time is
over one request tries it again, while others still pass it by. An upstream that nothing is known against costs a look
into an empty dict; Valkey is written at a failure and at a recovery only, and read beside the requests' path.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import orjson
import redis

from chat.models import Provider
from chat.providers.errors import ProviderError
from chat.providers.upstream import Upstream, identity
from deny_web import valkey

logger = logging.getLogger(__name__)

PASSED_OVER_AFTER = 3  # failures in a row
_FIRST, LONGEST = 2.0, 60.0  # seconds
_PROBE = 10.0  # how long the one that tries has, before another one may
_LOOK_EVERY = 2.0
_FORGOTTEN_AFTER = 3600.0
_KEY = "upstreams:trouble"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is known against an upstream. Times are the clock's, in seconds: processes of several machines share them.

    `code` is that of the last error; `since` the first failure in a row; `until` when it may be asked again.
    """

    failures: int
    code: str
    since: float
    until: float
    changed: float

    @property
    def is_passed_over(self) -> bool:
        return self.failures >= PASSED_OVER_AFTER


_troubles: dict[str, Trouble] = {}
_looked = 0.0
_tasks: set[asyncio.Task[None]] = set()
_untold: set[str] = set()
_telling: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()


def usable(upstreams: tuple[Upstream, ...]) -> tuple[Upstream, ...]:
    """Those that may be asked now, in their order; all of them where every one is in trouble."""
    if len(upstreams) == 1:
        return upstreams  # an upstream in trouble is better than none
    _look_sometimes()
    if not _troubles:
        return upstreams
    return tuple(one for one in upstreams if _may_ask(_key(one))) or upstreams


def failed(upstream: Upstream, error: ProviderError) -> None:
    """It did not answer. Errors that say nothing of its health do not count."""
    if not error.counts:
        return
    key, now = _key(upstream), time.time()
    before = _troubles.get(key)
    failures = before.failures + 1 if before else 1
    pause = min(_FIRST * 2 ** max(0, failures - PASSED_OVER_AFTER), LONGEST)
    pause = min(max(pause, error.retry_after or 0.0), LONGEST)
    until = now + pause if failures >= PASSED_OVER_AFTER else now
    _troubles[key] = Trouble(failures, error.code, before.since if before else now, until, now)
    _tell(key)


def well(upstream: Upstream) -> None:
    """It answered."""
    if _troubles and _troubles.pop(_key(upstream), None) is not None:
        _tell(_key(upstream))


def known(rows: Iterable[Provider]) -> dict[str, Trouble]:
    """The trouble of each by its name, for a page: what this process and the others know. Blocks on Valkey."""
    try:
        told = _read(valkey.sync().hgetall(_KEY))
    except redis.RedisError:
        told = {}
    keys = {row.name: _named(identity(row)) for row in rows}
    found = {name: told.get(key) or _troubles.get(key) for name, key in keys.items()}
    return {name: trouble for name, trouble in found.items() if trouble is not None}


def forget() -> None:
    """What this process knows. What the others were told stays with them."""
    global _looked
    _looked = 0.0
    _troubles.clear()


async def settled() -> None:
    """Once what is to be told is told."""
    await asyncio.gather(*_tasks, return_exceptions=True)


def _may_ask(key: str) -> bool:
    trouble = _troubles.get(key)
    if trouble is None or not trouble.is_passed_over:
        return True
    now = time.time()
    if now < trouble.until:
        return False
    _troubles[key] = replace(trouble, until=now + _PROBE)  # this one tries, the others wait for what comes of it
    return True


def _key(upstream: Upstream) -> str:
    return _named(upstream.identity)


def _named(parts: tuple[object, ...]) -> str:
    return ":".join(map(str, parts))


def _look_sometimes() -> None:
    global _looked
    now = time.monotonic()
    if now - _looked > _LOOK_EVERY:
        _looked = now
        _beside(_look())


def _beside(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.ensure_future(work)
    _tasks.add(task)  # a loop keeps tasks weakly
    task.add_done_callback(_tasks.discard)
    return task


def _tell(key: str) -> None:
    """See to it that the other processes hear of it. One write at a time: two could arrive in the wrong order."""
    _untold.add(key)
    loop = asyncio.get_running_loop()
    if loop not in _telling or _telling[loop].done():
        _telling[loop] = _beside(_tell_all())


async def _tell_all() -> None:
    while _untold:
        key = _untold.pop()
        trouble = _troubles.get(key)
        try:
            if trouble is None:
                await valkey.aio().hdel(_KEY, key)
            else:
                await valkey.aio().hset(_KEY, key, orjson.dumps(asdict(trouble)).decode())
        except (redis.RedisError, OSError) as error:
            logger.warning("other processes are not told of an upstream's health: %s", type(error).__name__)


async def _look() -> None:
    """Take over what other processes know: their newer failures, and their recoveries."""
    try:
        told = _read(await valkey.aio().hgetall(_KEY))
        now = time.time()
        if old := [key for key, trouble in told.items() if now - trouble.changed > _FORGOTTEN_AFTER]:
            await valkey.aio().hdel(_KEY, *old)
    except (redis.RedisError, OSError):
        return  # what this process knows itself is enough until then
    for key, trouble in told.items():
        mine = _troubles.get(key)
        if key not in old and (mine is None or mine.changed < trouble.changed):
            _troubles[key] = trouble
    for key, mine in list(_troubles.items()):
        if key not in told and now - mine.changed > _LOOK_EVERY:  # else it is still on its way there
            _troubles.pop(key, None)


def _read(told: Mapping[Any, Any]) -> dict[str, Trouble]:
    found = {}
    for key, value in told.items():
        try:
            found[key.decode()] = Trouble(**orjson.loads(value))
        except (TypeError, ValueError):
            continue  # written by another version of this code
    return found
