"""A call's outcome in words for people: what happened, and what to do."""

import json
from typing import Any

from chat.models import CallState, ToolCall
from chat.tools import definition

_SENTENCES = {
    "vault_locked": "The vault is locked, or another password has been used since the call was made. "
    "Unlock it and try again.",
    "credential_not_found": "The vault has no usable value under this label with the password that unlocked it. "
    "A value for tools has at least 8 characters.",
    "tool_not_found": "There is no such tool here.",
    "invalid_arguments": "The arguments do not fit the tool's parameters. Nothing was sent.",
    "host_not_allowed": "This address is private, or not one that tools may call. Nothing was sent. "
    "An operator can allow a private host.",
    "upstream_error": "The API did not answer as hoped. Its words are not shown to the model.",
    "upstream_timeout": "The API took longer than the tool's timeout.",
    "result_withheld": "The answer carried the credential, so it was stopped here. Change the credential: "
    "the API repeats it.",
    "denied": "The call was not allowed. Nothing was sent.",
    "too_many_calls": "The request allows no more calls at once, or in all. Nothing was sent.",
    "outcome_unknown": "The request may have gone out, and its answer was lost. Look at the API before you try again.",
}
_OPEN_STATES = {
    CallState.AWAITING_APPROVAL: "waiting",
    CallState.SENDING: "running",
    CallState.DONE: "done",
    CallState.DENIED: "denied",
    CallState.UNKNOWN: "unknown",
}
_FAILED_STATES = {"result_withheld": "withheld", "vault_locked": "locked"}


def sentence(code: str | None, reason: str = "") -> str:
    """One sentence or two for an error's code; empty for none. `reason` is the outcome's own."""
    if code is None:
        return ""
    if reason == "stopped" and code == "denied":
        return "The call was stopped."
    if reason.startswith("the arguments carry"):
        return "The arguments carried the credential, so nothing was sent. Change the credential: it is known."
    return _SENTENCES.get(code, "The call failed.")


def seam(call: ToolCall) -> dict[str, Any]:
    """The context of components/seam.html for a call."""
    result = call.result or {}
    request = result.get("request") or {}
    code = result.get("error")
    state = _OPEN_STATES.get(CallState(call.state), "queued")
    if call.state == CallState.FAILED:
        state = "stopped" if result.get("reason") == "stopped" else _FAILED_STATES.get(code or "", "failed")
    ended = call.ended_at is not None
    return {
        "name": call.name,
        "state": state,
        "arguments": _pretty(call.args),
        "result": _pretty(result.get("output") or ""),
        **{key: request.get(key) or "" for key in ("method", "host", "path", "status")},
        "duration": f"{request['duration_ms']} ms" if request.get("duration_ms") is not None else "",
        "credential": request.get("credential"),
        "quiet": _quiet(request, ended),
        "reason": sentence(code, result.get("reason", "")),
    }


def example_args(tool: definition.ToolDefinition) -> str:
    """Arguments to begin with: each required one, empty or the first that its schema allows."""
    properties = tool.parameters.get("properties") or {}
    return pretty({name: _example(properties.get(name)) for name in tool.parameters.get("required") or []})


def _example(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return ""
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    for keyword in ("examples", "enum"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return schema[keyword][0]
    kind = schema.get("type")
    empty = {"integer": 0, "number": 0, "boolean": False, "array": [], "object": {}, "null": None}
    return empty.get(kind, "") if isinstance(kind, str) else ""


def _quiet(request: dict[str, Any], ended: bool) -> str:
    if request.get("status"):
        return ""
    if not ended:
        return "Nothing yet."
    return "No answer." if request else "Nothing was sent."


def _pretty(text: str) -> str:
    try:
        return pretty(json.loads(text)) if text else ""
    except ValueError:
        return text


def pretty(value: object) -> str:
    """JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)
