"""The response object of the wire format: what was asked, echoed, with what came of it.

Source: ``openai.types.responses.Response``, and the required fields of Open Responses' ``ResponseResource``.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

from chat.demo.stream import new_id

Json = dict[str, Any]

# What a request may leave out, as OpenAI answers it.
_ECHOED: Json = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": None,
    "safety_identifier": None,
    "store": False,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def tokens(text: str) -> int:
    """About how many tokens `text` is: one for four characters, as OpenAI's rule of thumb has it."""
    return (len(text) + 3) // 4


def resource(body: Json, output: Sequence[Json], incomplete: str | None = None) -> Json:
    """The finished response to the request `body`. `incomplete` is the reason where it was cut short."""
    given = {name: body[name] for name in _ECHOED if body.get(name) is not None}
    text = body.get("text") if isinstance(body.get("text"), dict) else {}
    now = int(time.time())
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": now,
        "status": "incomplete" if incomplete else "completed",
        "completed_at": None if incomplete else now,
        "error": None,
        "incomplete_details": {"reason": incomplete} if incomplete else None,
        "model": body.get("model"),
        **_ECHOED,
        **given,
        "service_tier": "default",
        "tools": [_flat(tool) for tool in given.get("tools", [])],
        "text": {"format": {"type": "text"}, **(text or {})},
        "output": list(output),
        "usage": usage(body, output),
    }


def usage(body: Json, output: Sequence[Json]) -> Json:
    """The tokens of a request and its answer, counted with `tokens`."""
    read = {name: body[name] for name in ("instructions", "input", "tools") if body.get(name)}
    asked = tokens(json.dumps(read, ensure_ascii=False))
    answered = sum(tokens(_written(item)) for item in output)
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": asked + answered,
    }


def _written(item: Json) -> str:
    if item["type"] == "message":
        return "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])
    return str(item.get("arguments") or "")


def _flat(tool: Json) -> Json:
    """A tool in today's form, also where it came in the nested one."""
    nested = tool.get("function")
    return {"type": "function", **nested} if isinstance(nested, dict) else tool
