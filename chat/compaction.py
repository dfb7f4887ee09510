"""Compaction: a long chain told again as its user messages and one sealed summary.

The summary is written by the tenant's own model and sealed for that tenant, since the item travels through the client
and comes back as input: what comes back must be what was made here, and for this tenant.

    token = "dw2." ‖ base64url of `vault.compaction_keys`
    token = "dw1." ‖ base64url of `vault.sealed_fields`: of before; opens as long as its server key is here
"""

import base64
import contextlib
import uuid
from collections.abc import Mapping
from typing import Any

from chat import origins
from chat.errors import bad_request
from chat.providers import fallback
from chat.providers.errors import UpstreamCut
from chat.providers.routes import Plan
from chat.providers.upstream import Upstream
from deny_web import ids
from vault import compaction_keys, sealed_fields
from vault.errors import Damaged

OLD, NEW = "dw1.", "dw2."
_PURPOSE = "compaction"  # of the old form
_INSTRUCTIONS = (
    "Summarise the conversation so far for an assistant that will go on with it and sees nothing else of it. "
    "Keep facts, names, ids, numbers, decisions, open questions and the results of tools; leave out greetings. "
    "Do not answer."
)


async def compact(
    tenant_id: uuid.UUID,
    plan: Plan,
    history: list[dict[str, Any]],
    instructions: str | None,
    longest: int | None = None,
    more: Mapping[str, Any] | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The output items of a compaction, of at most `longest` tokens, and the usage of it. Raises ProviderError.

    `more`: what else the request asks of the upstream.
    """
    summary, usage = await _summary(plan, history, instructions, longest, more or {})
    said = [_message(item) for item in history if item["type"] == "message" and item.get("role") == "user"]
    token = sealed(tenant_id, summary.encode())
    return [*said, {"type": "compaction", "id": ids.new("cmp"), "encrypted_content": token}], usage


def opened(tenant_id: uuid.UUID, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items with each compaction of ours as the summary that it holds. Raises ApiError 400."""
    return [_open(tenant_id, item) if item["type"] == "compaction" else item for item in items]


def sealed(tenant_id: uuid.UUID, summary: bytes) -> str:
    """A token that `unsealed` opens for this tenant."""
    return NEW + base64.urlsafe_b64encode(compaction_keys.seal(tenant_id, summary)).decode()


def unsealed(tenant_id: uuid.UUID, token: str) -> bytes:
    """The summary in a token of ours. Raises Damaged."""
    try:
        stored = base64.urlsafe_b64decode(token[len(NEW) :])
    except ValueError:
        raise Damaged from None
    if token.startswith(OLD):
        return sealed_fields.open(_PURPOSE, tenant_id, stored)
    return compaction_keys.open(tenant_id, stored)


def _open(tenant_id: uuid.UUID, item: dict[str, Any]) -> dict[str, Any]:
    token = item.get("encrypted_content")
    if not isinstance(token, str) or not token.startswith((OLD, NEW)):
        return item  # an upstream's own
    try:
        summary = unsealed(tenant_id, token).decode()
    except (Damaged, UnicodeDecodeError):
        raise bad_request("This compaction item was not made here.", "input", "invalid_encrypted_content") from None
    text = f"Summary of the conversation so far:\n{summary}"
    return {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]}


async def _summary(
    plan: Plan,
    history: list[dict[str, Any]],
    instructions: str | None,
    longest: int | None,
    more: Mapping[str, Any],
) -> tuple[str, dict[str, Any]]:
    asked = " ".join(filter(None, (_INSTRUCTIONS, instructions)))
    request = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Summarise now."}]}
    bound = {} if longest is None else {"max_output_tokens": min(longest, more.get("max_output_tokens") or longest)}

    async def body_for(upstream: Upstream) -> dict[str, Any]:
        told = [*(history if upstream is plan.first else origins.foreign(history)), request]
        model = upstream.named(plan.model)
        return {**more, "model": model, "instructions": asked, "input": told, "store": False, **bound}

    pieces: list[str] = []
    async with contextlib.aclosing(await fallback.opened(plan.upstreams, body_for)) as batches:
        async for batch in batches:
            for event in batch:
                if event["type"] == "response.output_text.delta":
                    pieces.append(str(event.get("delta", "")))
                if event["type"] in ("response.completed", "response.incomplete"):
                    return "".join(pieces), event["response"].get("usage") or NO_USAGE
    raise UpstreamCut


NO_USAGE = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


def _message(item: dict[str, Any]) -> dict[str, Any]:
    return {"id": ids.new("msg"), "status": "completed", **item}
