"""Credentials that a client gives along with tools of its own: a foreign MCP server's key, a container's secrets.

They go to the upstream and nowhere else. A response never shows them, as OpenAI's does not, and its stored request lies
without them. A turn that another process may take up keeps them sealed under a server key beside its request, until it
has ended.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson

from chat.models import Response
from vault import sealed_fields

Json = dict[str, Any]

# `authorization` and `headers` of ``tool.Mcp``, `domain_secrets` of a container's network policy.
SECRET = frozenset({"authorization", "headers", "domain_secrets"})
_OF_THE_CLIENT = frozenset({"function", "custom", "namespace"})  # their schemas may name what they like
_Path = tuple[int | str, ...]


def purpose(response_id: str) -> str:
    """What a response's secrets are sealed for, so that they open in no other's row."""
    return f"request:{response_id}"


def without(tools: Any) -> Any:
    """A request's tools as a response shows them; the same object where there is nothing to hide."""
    return _without(tools) if any(True for _ in _found(tools)) else tools


def seal(tenant_id: UUID, response_id: str, tools: Any) -> bytes | None:
    """What `without` leaves out, as it may be stored; None where that is nothing."""
    found = list(_found(tools))
    return sealed_fields.seal(purpose(response_id), tenant_id, orjson.dumps(found)) if found else None


def restored(row: Response) -> Json:
    """The request of a stored response, for whoever goes on with it. Raises vault.errors.Damaged."""
    request: Json = row.request
    if row.sealed_request is None:
        return request
    tools = orjson.loads(orjson.dumps(request["tools"]))
    for path, value in orjson.loads(sealed_fields.open(purpose(row.pk), row.tenant_id, row.sealed_request)):
        place: Any = tools
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value
    return {**request, "tools": tools}


def _found(tools: Any) -> Iterator[tuple[_Path, Any]]:
    for index, tool in enumerate(tools or []):
        if isinstance(tool, dict) and tool.get("type") not in _OF_THE_CLIENT:
            yield from _inside(tool, (index,))


def _inside(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in SECRET and inner is not None:
                yield (*path, key), inner
            else:
                yield from _inside(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _inside(inner, (*path, index))


def _without(value: Any) -> Any:
    if isinstance(value, list):
        return [_without(inner) for inner in value]
    if isinstance(value, dict):
        if value.get("type") in _OF_THE_CLIENT:
            return value
        return {key: _without(inner) for key, inner in value.items() if key not in SECRET}
    return value
