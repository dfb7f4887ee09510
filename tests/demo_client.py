"""Tools to offer to the demo model, and inputs to give it."""

import json
from typing import Any

Json = dict[str, Any]

INVOICE: Json = {
    "type": "function",
    "name": "get_invoice",
    "description": "Look up a Stripe invoice by id",
    "parameters": {
        "type": "object",
        "properties": {"id": {"type": "string"}},
        "required": ["id"],
        "additionalProperties": False,
    },
}
WEATHER: Json = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "The city and state"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["location"],
    },
}
MAIL: Json = {
    "type": "function",
    "name": "send_email",
    "description": "Send a message to somebody",
    "parameters": {
        "type": "object",
        "properties": {"to": {"type": "string", "format": "email"}, "body": {"type": "string"}},
        "required": ["to", "body"],
    },
}
REFUND: Json = {
    "type": "function",
    "name": "create_refund",
    "description": "Refund a charge",
    "parameters": {
        "type": "object",
        "properties": {
            "charge": {"type": "string", "pattern": "^ch_"},
            "amount": {"type": "integer", "minimum": 1},
            "reason": {"type": "string", "enum": ["duplicate", "fraudulent"]},
            "on": {"type": "string", "format": "date"},
        },
        "required": ["charge", "amount"],
    },
}
EVERY_TOOL = [INVOICE, WEATHER, MAIL, REFUND]


def said_in(response: Json) -> str:
    return "".join(item["content"][0]["text"] for item in response["output"] if item["type"] == "message")


def after_calls(said: str, *results: tuple[str, Json, str]) -> list[Json]:
    """The input of a second step: the message, the calls and their outputs."""
    made = [
        {"type": "function_call", "call_id": f"call_{place}", "name": name, "arguments": json.dumps(arguments)}
        for place, (name, arguments, _) in enumerate(results)
    ]
    outputs = [
        {"type": "function_call_output", "call_id": f"call_{place}", "output": output}
        for place, (_, _, output) in enumerate(results)
    ]
    return [{"role": "user", "content": said}, *made, *outputs]
