"""A tool's definition: data, in the shape of the contract's tool file.

`parse` checks a whole file, all or nothing; `from_stored` rebuilds a definition that was checked when it was stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from chat.tools import checks
from chat.tools.errors import InvalidTool

MAX_TOOLS = 128  # what the Responses API takes in one request

Place = Literal["bearer", "basic", "header", "query"]
Approval = Literal["auto", "ask", "never"]


@dataclass(frozen=True, slots=True)
class Request:
    """`timeout` is in seconds, from the first DNS question to the last byte. `idempotent`: may be sent twice."""

    method: str
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    timeout: float
    idempotent: bool


@dataclass(frozen=True, slots=True)
class Credential:
    """Which vault entry goes where. `name` is the header's or the query parameter's, empty for the other places."""

    label: str
    place: Place
    name: str


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    name: str
    description: str
    parameters: Mapping[str, Any]
    request: Request
    credential: Credential | None
    result: str
    approval: Approval

    @property
    def host(self) -> str:
        """The host that the tool names, with its port when it is written; "demo" for the offline demo's API."""
        return "demo" if self.demo else urlsplit(self.request.url.partition("?")[0]).netloc

    @property
    def demo(self) -> bool:
        return self.request.url.startswith("demo:")

    def function_schema(self) -> dict[str, Any]:
        """The tool as the Responses API's flat function tool: all that a model is told of it."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
            "strict": False,
        }

    def as_data(self) -> dict[str, Any]:
        """The definition in the tool file's shape; equal definitions give equal data."""
        request = self.request
        optional = {"query": dict(request.query), "headers": dict(request.headers), "body": request.body}
        data: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
            "request": {
                "method": request.method,
                "url": request.url,
                **{key: value for key, value in optional.items() if value not in ({}, None)},
                "timeout": int(request.timeout) if request.timeout.is_integer() else request.timeout,
                "idempotent": request.idempotent,
            },
        }
        if self.credential:
            place = ":".join(filter(None, (self.credential.place, self.credential.name)))
            data["credential"] = {"label": self.credential.label, "in": place}
        return data | {"result": self.result, "approval": self.approval}


def parse(data: object) -> list[ToolDefinition]:
    """The definitions of a tool file (its JSON, decoded). Raises `InvalidTool` for the first fault."""
    if not isinstance(data, list):
        raise InvalidTool("A tool file is a JSON list of tools.")
    if len(data) > MAX_TOOLS:
        raise InvalidTool(f"A tool file holds at most {MAX_TOOLS} tools; this one has {len(data)}.")
    seen: set[str] = set()
    for index, entry in enumerate(data):
        checks.check(entry, index)
        if entry["name"] in seen:
            raise InvalidTool(f"Tool {entry['name']}: name is used twice in this file.", index, "name")
        seen.add(entry["name"])
    return [from_stored(entry) for entry in data]


def from_stored(data: Mapping[str, Any]) -> ToolDefinition:
    """A definition from data that `parse` has accepted before."""
    request = data["request"]
    return ToolDefinition(
        name=data["name"],
        description=data["description"],
        parameters=data.get("parameters") or {"type": "object", "properties": {}, "additionalProperties": False},
        request=Request(
            method=request["method"].upper(),
            url=request["url"],
            query=request.get("query") or {},
            headers=request.get("headers") or {},
            body=request.get("body"),
            timeout=float(request.get("timeout", checks.DEFAULT_TIMEOUT)),
            idempotent=request.get("idempotent", False),
        ),
        credential=_credential(data["credential"]) if data.get("credential") else None,
        result=data["result"],
        approval=data.get("approval", "auto"),
    )


def _credential(data: Mapping[str, str]) -> Credential:
    place, _, name = data["in"].partition(":")
    return Credential(data["label"], cast(Place, place), name)
