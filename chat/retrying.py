"""A turn's acts on the database, repeated until they are done."""

import asyncio
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError

from deny_web import db
from vault.errors import Unavailable

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


async def until_done(act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do a database act to its end, whatever comes: a stop waits for it, an outage is waited out.

    The acts can be repeated: an answer that was lost on the way leaves it open whether the act was done.
    """
    task = asyncio.ensure_future(_insist(act, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _insist(act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    delay = 0.1
    while True:
        try:
            return await db.write(act, *args, **kwargs)
        except (OperationalError, InterfaceError, Unavailable) as error:
            logger.warning("%s waits: %s", act.__name__, type(error).__name__)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)
