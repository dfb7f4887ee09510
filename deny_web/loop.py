"""One long-lived event loop per process, for synchronous code that has to reach asynchronous parts.

A loop per call (asgiref's ``async_to_sync``) would open a fresh Valkey connection each time.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="deny-web-loop", daemon=True).start()
        return _loop


def submit(coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
    """Run `coroutine` on the process's own loop; call ``.result(timeout)`` to wait for it."""
    return asyncio.run_coroutine_threadsafe(coroutine, _running_loop())
