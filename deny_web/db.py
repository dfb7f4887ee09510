"""ORM work from asynchronous code.

Django's connections belong to a thread. A small pool of threads that live as long as the process keeps them open;
Django's own ``sync_to_async`` would either serialise all work on one thread or pay a new connection for each request.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, transaction
from django.db.transaction import TransactionManagementError

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

_pool = ThreadPoolExecutor(max_workers=settings.DB_THREADS, thread_name_prefix="deny-web-db")


async def run(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `fn` on a database thread and wait for its answer; its exceptions come through."""
    return await asyncio.get_running_loop().run_in_executor(_pool, lambda: _call(fn, *args, **kwargs))


def later(fn: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call `fn` on a database thread and wait for nothing; what it raises is logged by its kind alone."""
    _pool.submit(lambda: _call(fn, *args, **kwargs)).add_done_callback(_log_failure)


def _log_failure(done: "Future[object]") -> None:
    if error := done.exception():
        logger.error("work that nobody waits for failed: %s", type(error).__name__)


def _call(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()  # drops a connection that the server closed meanwhile, so that one outage heals itself
    return fn(*args, **kwargs)


class _Act(NamedTuple):
    call: Callable[[], Any]
    answer: "asyncio.Future[Any]"


class _Outcome(NamedTuple):
    answer: "asyncio.Future[Any]"
    value: Any
    error: BaseException | None


_MOST_TOGETHER = 32
_waiting: SimpleQueue[_Act] = SimpleQueue()
_writing = Lock()


async def write(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `run`, for an act that writes. On SQLite, acts that wait for its one writer share a transaction.

    Each hears of its end after the commit. One that fails leaves nothing behind, and the others are done: what fails
    inside an ``atomic`` block undoes the transaction, and all its acts are done again one by one. So an act writes
    inside ``atomic`` only, and what it does outside the database waits for ``on_commit``.
    """
    if not settings.DB_WRITES_TOGETHER:
        return await run(fn, *args, **kwargs)
    answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    _waiting.put(_Act(lambda: fn(*args, **kwargs), answer))
    if not _writing.locked():  # else the thread that writes now looks again before it leaves
        _pool.submit(_write_waiting)
    return await answer


def _write_waiting() -> None:
    while not _waiting.empty():
        if not _writing.acquire(blocking=False):
            return
        try:
            while acts := _taken():
                _tell(_together(acts) if len(acts) > 1 else [_alone(acts[0])])
        finally:
            _writing.release()


def _taken() -> list[_Act]:
    acts: list[_Act] = []
    with contextlib.suppress(Empty):
        while len(acts) < _MOST_TOGETHER:
            acts.append(_waiting.get_nowait())
    return acts


def _together(acts: list[_Act]) -> list[_Outcome]:
    outcomes: list[_Outcome] = []
    late: dict[int, Exception] = {}  # what acts raised after the commit, by their place
    try:
        close_old_connections()
        with transaction.atomic():
            for place, act in enumerate(acts):
                hooks = len(connection.run_on_commit)
                try:
                    outcomes.append(_Outcome(act.answer, act.call(), None))
                    if connection.needs_rollback:
                        raise TransactionManagementError
                except (DatabaseError, TransactionManagementError):
                    raise  # of some, SQLite undoes the transaction by itself
                except Exception as error:
                    if connection.needs_rollback:
                        raise
                    outcomes.append(_Outcome(act.answer, None, error))
                _keep_apart(hooks, place, late)
    except Exception as error:
        # Whichever act it came from has it again alone, where it is its asker's; a failed commit is nobody's but all's.
        logger.info("%d joined writes are done one by one: %s", len(acts), type(error).__name__)
        return [_alone(act) for act in acts]
    return [one._replace(value=None, error=late[place]) if place in late else one for place, one in enumerate(outcomes)]


def _keep_apart(first: int, place: int, late: dict[int, Exception]) -> None:
    """What an act's hooks raise is its own, as if it had been alone. It must not look like a commit that failed, for
    then all acts would be done twice; nor must it keep the others' hooks from running."""

    def run(hook: Callable[[], object]) -> None:
        if place in late:
            return  # Django leaves out what comes behind a hook that failed
        try:
            hook()
        except Exception as error:
            late[place] = error

    registered = cast("list[tuple[set[str], Callable[[], object], bool]]", connection.run_on_commit)
    registered[first:] = [
        (savepoints, hook if robust else partial(run, hook), robust) for savepoints, hook, robust in registered[first:]
    ]


def _alone(act: _Act) -> _Outcome:
    try:
        return _Outcome(act.answer, _call(act.call), None)
    except BaseException as error:  # whatever it is, it is its asker's
        return _Outcome(act.answer, None, error)


def _tell(outcomes: list[_Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome.answer.get_loop(), []).append(outcome)
    for loop, its in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, its)


def _resolve(outcomes: list[_Outcome]) -> None:
    for answer, value, error in outcomes:
        if answer.done():
            continue  # its asker gave up
        if error is None:
            answer.set_result(value)
        else:
            answer.set_exception(error)
