"""What chat tells the other rooms at start: its ears for their signals, its console sections and onboarding steps."""

import logging
import uuid
from typing import Any

from channels.layers import get_channel_layer

from chat import key_rotation, offers, tool_secrets
from chat.demo import seed
from chat.models import Provider, Response, RouteTable, Tool, ToolVersion
from chat.old_compactions import OldCompactions
from chat.pages import conversation, models, tool_start, tools
from deny_web import loop, recent
from tenants import console, key_tools, onboarding
from tenants.access import Act
from tenants.console import Section, Todo
from tenants.onboarding import Step
from vault import rewrap
from vault.signals import lease_changed
from vault.tripwires import rotation

logger = logging.getLogger(__name__)


def register() -> None:
    for model in (RouteTable, Tool, ToolVersion):
        recent.watch(model._meta.db_table)
    lease_changed.connect(_ring_sockets, dispatch_uid="chat.lease_changed")
    seed.register()
    rewrap.register_field(Provider, "sealed_key", lambda _: "provider")
    rewrap.register_field(Provider, "sealed_headers", lambda _: "provider-headers")
    rewrap.register_field(Response, "sealed_request", lambda row: tool_secrets.purpose(row.pk))
    rewrap.register_elsewhere("compactions", OldCompactions())
    rotation.register(key_rotation.Rotator())
    onboarding.register_landing(conversation.newest_url)
    console.register(Section("models", "Models", "Vault", "cpu", "models", Act.MODELS_WRITE, 130))
    console.register_todo(Todo("models", 30, models.missing))
    onboarding.register(Step(models.STEP, "Choose the model", 30, "start_model", models.is_done))
    key_tools.register(offers.names)
    console.register(Section("tools", "Tools", "Vault", "wrench", "tools", Act.READ, 120))
    console.register_todo(Todo("tools", 20, tools.missing))
    onboarding.register(Step(tool_start.STEP, "Add a first tool", 40, "start_tool", tool_start.is_done))


def _ring_sockets(*, tenant_id: uuid.UUID, **_: Any) -> None:
    """Tell the workspace's open pages that the vault was unlocked or locked."""
    ringing = loop.submit(_send(f"tenant.{tenant_id.hex}"))
    try:
        ringing.result(timeout=2)  # a command's process ends right after this, and its loop with it
    except TimeoutError:
        logger.warning("a bell was lost: no answer in time")


async def _send(group: str) -> None:
    try:
        await get_channel_layer().group_send(group, {"type": "vault.changed"})
    except (OSError, ConnectionError) as error:
        logger.warning("a bell was lost: %s", type(error).__name__)
