"""What every door does with a create: make the response, run it here or send it to a turns worker, tell the others."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import redis
from channels.layers import get_channel_layer
from django.core.exceptions import SynchronousOnlyOperation

from chat import accounts, creation, hosting
from chat.creation import Existing, Kept
from chat.models import Door
from chat.params import Create
from chat.turn import Turn
from deny_web import celery, db, recent
from tenants.access import Principal
from tenants.limits import Permit
from tenants.models import User

logger = logging.getLogger(__name__)

T = TypeVar("T")


def group(principal: Principal) -> str:
    """The Channels group of a workspace's open sockets."""
    return f"tenant.{principal.tenant.id.hex}"


async def start(
    ask: Callable[[], Principal], create: Create, door: Door, *, kept: Kept | None = None, muted: bool = False
) -> Turn | str:
    """The live turn that this process now hosts, or the id of a response that runs elsewhere. Raises ApiError.

    `ask` answers who is calling, on the thread that then acts for them.
    """
    if create.background:
        return await _start_elsewhere(ask, create)
    host = hosting.here()
    await host.start()

    def make(permit: Permit | None) -> tuple[Principal, Turn | Existing]:
        principal = ask()
        accounts.need_permit(principal, permit)
        made = creation.create(principal, create, door=door, host_id=host.id, kept=kept, muted=muted)
        if permit is not None and not isinstance(made, Existing):
            made.account.take(permit)
        return principal, made

    principal, made = await _let_in(make, create, _at_once if _asks_nothing(create) else db.write)
    if isinstance(made, Existing):
        return made.response_id
    host.launch(made)
    if made.conversation_id and principal.user is not None and door is Door.BROWSER:
        await _tell_tabs(principal, made)
    return made


async def _let_in(
    make: Callable[[Permit | None], T], create: Create, run: Callable[[Callable[[], T]], Awaitable[T]]
) -> T:
    """`make`, with a permit where its limits a minute ask for one."""
    try:
        return await run(lambda: make(None))
    except accounts.PermitNeeded as needed:
        permit = await db.run(accounts.admit, needed.principal, create)
    try:
        return await run(lambda: make(permit))
    except BaseException:
        db.later(accounts.give_back, permit)
        raise


def _asks_nothing(create: Create) -> bool:
    """Whether making the response takes nothing from the database but what a process remembers for a moment."""
    return not (create.store or create.token or create.conversation or create.new_conversation)


async def _at_once(make: Callable[[], T]) -> T:
    """`make` here, where it asks nothing that has to be looked up; else on a database thread, from its beginning.

    A thread and back costs a third of what such a request costs in all.
    """
    try:
        with recent.only():
            return make()
    except (recent.Unknown, SynchronousOnlyOperation):  # Django's guard: it refuses any query on an event loop
        return await db.run(make)


async def _start_elsewhere(ask: Callable[[], Principal], create: Create) -> str:
    def make(permit: Permit | None) -> str:
        principal = ask()
        accounts.need_permit(principal, permit)
        made = creation.create(principal, create, door=Door.BACKGROUND, host_id=None)
        if not isinstance(made, Existing):
            celery.ask("turns.host", made.response_id)
        return made.response_id

    return await _let_in(make, create, db.run)


async def _tell_tabs(principal: Principal, turn: Turn) -> None:
    """Other tabs of the same person learn of the new turn; one that does not hear it looks by itself."""
    message = {
        "type": "turn.started",
        "user_id": cast(User, principal.user).pk,
        "conversation": turn.conversation_id,
        "response_id": turn.response_id,
    }
    try:
        await get_channel_layer().group_send(group(principal), message)
    except (OSError, redis.RedisError) as error:
        logger.warning("a bell was lost: %s", type(error).__name__)
