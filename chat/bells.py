"""Bells: messages that carry an id and say "look again". Nothing depends on one: waiters also look by themselves.

The Channels layer carries them. Deltas never do: a channel layer may drop what it carries.
"""

import logging
import uuid
from typing import Any

from channels.layers import get_channel_layer

from chat.models import Response
from deny_web import loop
from deny_web.prepared import Query

logger = logging.getLogger(__name__)

_BELL = Query(lambda response: Response.objects.filter(pk=response).values_list("host__bell"), str)


async def send(channel: str, response_id: str, *, kind: str = "bell") -> None:
    """Wake the host that listens on `channel` for a response. A bell that fails is only logged."""
    try:
        await get_channel_layer().send(channel, {"type": kind, "response_id": response_id})
    except (OSError, ConnectionError) as error:
        logger.warning("a bell was lost: %s", type(error).__name__)


def ring(response_id: str) -> None:
    """Wake whoever hosts the response, from synchronous code; returns at once."""
    for (channel,) in _BELL.rows(response_id):
        if channel:
            loop.submit(send(channel, response_id))


def tell_sockets(tenant_id: uuid.UUID, message: dict[str, Any]) -> None:
    """Send a message to the handler of its type in every open socket of a workspace; returns at once."""
    loop.submit(_to_group(f"tenant.{tenant_id.hex}", message))


async def _to_group(group: str, message: dict[str, Any]) -> None:
    try:
        await get_channel_layer().group_send(group, message)
    except (OSError, ConnectionError) as error:
        logger.warning("a bell was lost: %s", type(error).__name__)
