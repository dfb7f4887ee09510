"""ORM work from asynchronous code.

Django's connections belong to a thread. A small pool of threads that live as long as the process keeps them open;
Django's own ``sync_to_async`` would either serialise all work on one thread or pay a new connection for each request.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections

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
