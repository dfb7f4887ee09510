"""What a call leaves behind: the words for the model, and beside them what people see.

    {"output": text for the model, "error": code or null, "reason": short words for people, "request": {…} or null}

`request` holds method, host, path, status, duration_ms and the credential's label; it is null when nothing was sent.
"""

import json
from typing import Any

from chat.tools.definition import ToolDefinition
from chat.tools.errors import ToolError

Outcome = dict[str, Any]


def success(output: str, request: dict[str, Any]) -> Outcome:
    """`output` is the narrowed result as JSON text."""
    return {"output": output, "error": None, "reason": "", "request": request}


def failure(error: ToolError, request: dict[str, Any] | None = None) -> Outcome:
    """The contract's error object; never the upstream's words."""
    output = json.dumps({"error": error.code, "status": error.status}, separators=(",", ":"))
    return {"output": output, "error": error.code, "reason": error.reason, "request": request}


def request(
    tool: ToolDefinition, *, path: str | None = None, status: int | None = None, duration_ms: int | None = None
) -> dict[str, Any]:
    """What the API got, as people see it: no query, no header, of the credential its label alone."""
    return {
        "method": tool.request.method,
        "host": tool.host,
        "path": path,
        "status": status,
        "duration_ms": duration_ms,
        "credential": tool.credential.label if tool.credential else None,
    }
