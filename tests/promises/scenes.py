"""What happens to a credential in a day: every way that a call can end, and every hand that touches the vault."""

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote

from tests import tool_api
from tests.promises import database
from tests.tool_api import Behaviour, Seen, ToolApi, reply
from tests.workspace import Workspace, tool

PATHS = {
    # where the credential goes; the API answers properly
    "bearer": "bearer",
    "basic": "basic",
    "header": "header:X-Api-Key",
    "query": "query:key",
}
OK = {"id": "in_1", "status": "open"}
DRESSES: dict[str, Callable[[str], str]] = {
    "raw": str,
    "upper": str.upper,
    "reversed": lambda text: text[::-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "url": lambda text: quote(text, safe=""),
    "pieces": lambda text: " and ".join(text[at : at + 8] for at in range(0, len(text), 8)),
}


def _own_key(seen: Seen) -> str:
    return seen.headers["authorization"].removeprefix("Bearer ")


def _fails_and_tells(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
    """500, with the key in the reason, in a header and in the body."""
    key = _own_key(seen)
    handler.send_response(500, f"bad key {key}")
    body = json.dumps({"error": f"bad key {key}"}).encode()
    for name, value in (("X-Debug", key), ("Set-Cookie", f"k={quote(key)}"), ("Content-Length", str(len(body)))):
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def _broken_status(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
    handler.wfile.write(f"HTTP/1.1 {_own_key(seen)}\r\n\r\n".encode())
    handler.close_connection = True


def _broken_header(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
    handler.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {_own_key(seen)}\r\n{_own_key(seen)}\r\n\r\n".encode())
    handler.close_connection = True


def _redirects(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
    reply({}, status=302, headers={"Location": f"/v1/elsewhere?key={quote(_own_key(seen))}"})(handler, seen)


def _not_json(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
    reply(b"\xff\xfe{" + _own_key(seen).encode())(handler, seen)


def _echoes(change: Callable[[str], str]) -> Behaviour:
    def behave(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        reply({"id": change(_own_key(seen)), "status": "open"})(handler, seen)

    return behave


ENDINGS: dict[str, tuple[Behaviour, str]] = {
    "fails": (_fails_and_tells, "upstream_error"),
    "status": (_broken_status, "upstream_error"),
    "headers": (_broken_header, "upstream_error"),
    "redirects": (_redirects, "upstream_error"),
    "not_json": (_not_json, "upstream_error"),
    "cut": (tool_api.cut, "upstream_error"),
    "drips": (tool_api.drip(0.2), "upstream_timeout"),
    **{f"echo_{dress}": (_echoes(change), "result_withheld") for dress, change in DRESSES.items()},
}


class Day:
    """The tools of a workspace, what their API does, and a call of each."""

    def __init__(self, workspace: Workspace, api: ToolApi) -> None:
        self.workspace, self.api = workspace, api
        self.release = threading.Event()
        for name in PATHS:
            api.handle(f"/v1/{name}", reply(OK))
        for name, (behaviour, _) in ENDINGS.items():
            api.handle(f"/v1/{name}", behaviour)
        api.handle("/v1/killed", tool_api.hold(self.release, reply(OK)))
        api.handle("/v1/breaks", reply(OK))

    def tools(self, label: str) -> list[dict[str, Any]]:
        made = [self._tool(name, {"label": label, "in": place}) for name, place in PATHS.items()]
        bearer = {"label": label, "in": "bearer"}
        made += [self._tool(name, bearer, timeout=1 if name == "drips" else 10) for name in ENDINGS]
        made.append(self._tool("killed", bearer, timeout=60))
        made.append(self._tool("breaks", bearer, idempotent=False, method="POST"))
        return made

    def _tool(self, name: str, credential: dict[str, str], **request: Any) -> dict[str, Any]:
        return tool("", name, credential=credential, request={"url": f"{self.api.url}/v1/{name}", **request},
                    parameters={"type": "object", "properties": {}, "additionalProperties": False})  # fmt: skip

    def quick(self) -> list[tuple[str, dict[str, Any]]]:
        """One call of everything that ends by itself."""
        return [(name, {}) for name in (*PATHS, *ENDINGS)]

    def check(self, outputs: dict[str, Any]) -> None:
        """Each call ended as it should: a scene that did not happen proves nothing."""
        for name in PATHS:
            assert outputs[name] == OK, (name, outputs[name])
        for name, (_, code) in ENDINGS.items():
            assert outputs[name]["error"] == code, (name, outputs[name]["error"])

    def break_definition(self, name: str) -> None:
        """Make a stored definition one that the worker stumbles over with the opened credential in its hands."""
        database.execute(
            self.workspace.app,
            "UPDATE chat_toolversion SET definition ="
            " json_set(definition, '$.request.headers', json('{\"X-Broken\": 5}'))"
            " WHERE tool_id = (SELECT id FROM chat_tool WHERE name = ?)",
            name,
        )

    def overdue(self, name: str, attempts: int) -> str:
        """Let a call's time be up, as if its worker had been silent for long; answers its id."""
        ((call_id,),) = database.query(
            self.workspace.app, "SELECT id FROM chat_toolcall WHERE name = ? AND state IN ('claimed', 'sending')", name
        )
        database.execute(
            self.workspace.app,
            "UPDATE chat_toolcall SET deadline = '2020-01-01 00:00:00', attempts = ? WHERE id = ?",
            *(attempts, call_id),
        )
        return str(call_id)
