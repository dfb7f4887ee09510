"""The Response object around the output: what the client asked for, with the API's defaults filled in."""

from collections.abc import Container
from typing import Any

from chat import origins, tool_secrets
from chat.models import Item, Response, Status
from chat.params import OWN
from chat.providers import codes
from tenants import money

_DEFAULTS: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "truncation": "disabled",
    "user": None,
}


# `moderation` asks for what the response then has under this name.
_NOT_SHOWN = (OWN - {"background"}) | {"moderation"}
_OWN_FIELDS = frozenset(
    {
        *("id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "output", "usage"),
        *("model", "previous_response_id", "conversation", "store", "output_text"),
        *(_DEFAULTS.keys() - {"service_tier"}),
    }
)


def envelope(row: Response, model: str) -> dict[str, Any]:
    """The object without status, output and usage."""
    asked = {key: value for key, value in row.request.items() if value is not None and key not in _NOT_SHOWN}
    return {
        "id": row.id,
        "object": "response",
        "created_at": int(row.created_at.timestamp()),
        "completed_at": int(row.ended_at.timestamp()) if row.ended_at and row.status == Status.COMPLETED else None,
        "error": codes.of_response(row.error),
        "incomplete_details": row.incomplete,
        **_DEFAULTS,
        **{key: _whole(key, value) for key, value in asked.items() if not key.startswith("deny_web:")},
        "model": asked.get("model") or model,
        "previous_response_id": row.parent_id,
        "conversation": {"id": row.conversation_id} if row.conversation_id else None,
        "store": row.stored,
    }


# Fields that the API shows where a client left them out; Open Responses' schema demands them.
_FUNCTION: dict[str, Any] = {"description": None, "parameters": None, "strict": None}
_SCHEMA_FORMAT: dict[str, Any] = {"description": None, "strict": False}


def _whole(key: str, value: Any) -> Any:
    """A parameter of the request as the response shows it."""
    if key == "tools" and isinstance(value, list):
        return [{**_FUNCTION, **tool} if tool["type"] == "function" else tool for tool in tool_secrets.without(value)]
    if key in ("reasoning", "text") and isinstance(value, dict):
        value = {**_DEFAULTS[key], **value}
        if key == "text" and isinstance(value["format"], dict) and value["format"].get("type") == "json_schema":
            value["format"] = {**_SCHEMA_FORMAT, **value["format"]}
    return value


def stored_object(row: Response, include: Container[str] = ()) -> dict[str, Any]:
    """A stored response as the API gives it back, with what a client may have included."""
    output = [body_of(item, include) for item in row.items.filter(direction="output").order_by("position")]
    ended = {"status": row.status, "output": output, "usage": row.usage, **cost_of(row.cost)}
    return {**envelope(row, row.model), **(row.details or {}), **ended}


def body_of(item: Item, include: Container[str] = ()) -> dict[str, Any]:
    """A stored item as the API gives it back: a reasoning item's encrypted content is told to who asks for it."""
    body: dict[str, Any] = item.body
    sealed = item.upstream.get("encrypted_content") if "reasoning.encrypted_content" in include else None
    if not sealed:
        return body
    return {**body, "encrypted_content": sealed, origins.MARK: item.upstream.get("by")}


def details(told: dict[str, Any]) -> dict[str, Any]:
    """What an upstream's response says beside what is ours to say: results of moderation, tools' usage, the tier."""
    return {
        key: value
        for key, value in told.items()
        if value is not None and key not in _OWN_FIELDS and not key.startswith("deny_web:")
    }


def cost_of(cost: int | None) -> dict[str, Any]:
    """What a response cost, in US dollars; nothing for a model without a price."""
    return {} if cost is None else {"deny_web:cost": money.dollars(cost)}


def ending(status: str) -> str:
    """The type of a stream's last event. The API has none for a cancelled response: its stream ends incomplete."""
    return f"response.{Status.INCOMPLETE if status == Status.CANCELLED else status}"


def with_status(body: dict[str, Any]) -> dict[str, Any]:
    """An item as lists show it: a message always says its status."""
    return {"status": "completed", **body} if body["type"] == "message" else body
