"""What every door does with a create: make the response, run it here or send it to a turns worker, tell the others."""

from channels.layers import get_channel_layer

from chat import creation, hosting
from chat.creation import Existing, Kept
from chat.models import Door
from chat.params import Create
from chat.turn import Turn
from chat.turn_tasks import host_turn
from deny_web import db
from tenants.access import Principal


def group(principal: Principal) -> str:
    """The Channels group of a workspace's open sockets."""
    return f"tenant.{principal.tenant.id.hex}"


async def start(principal: Principal, create: Create, door: Door, kept: Kept | None = None) -> Turn | str:
    """The live turn that this process now hosts, or the id of a response that runs elsewhere. Raises ApiError."""
    host = hosting.here()
    if create.background:
        made = await db.run(creation.create, principal, create, door=Door.BACKGROUND, host_id=None)
        if isinstance(made, Existing):
            return made.response_id
        await db.run(host_turn.delay, made.response_id)
        return made.response_id
    await host.start()
    made = await db.run(creation.create, principal, create, door=door, host_id=host.id, kept=kept)
    if isinstance(made, Existing):
        return made.response_id
    host.launch(made)
    if made.conversation_id and principal.user is not None and door is Door.BROWSER:
        await get_channel_layer().group_send(
            group(principal),
            {
                "type": "turn.started",
                "user_id": principal.user.pk,
                "conversation": made.conversation_id,
                "response_id": made.response_id,
            },
        )
    return made
