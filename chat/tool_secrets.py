"""Credentials that a client gives along with tools of its own: a foreign MCP server's key, a container's secrets.

They go to the upstream and nowhere else. A response never shows them, as OpenAI's does not, and its stored request and
input lie without them. A turn that another process may take up keeps them sealed under a server key beside its
request, until it has ended.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

import orjson

from chat import kinds
from chat.models import Item, Response
from vault import sealed_fields

Json = dict[str, Any]

# `authorization` and `headers` of ``tool.Mcp``, `domain_secrets` of a container's network policy.
SECRET = frozenset({"authorization", "headers", "domain_secrets"})
_OF_THE_CLIENT = ("function", "custom")  # their schemas may name what they like
_Path = tuple[int | str, ...]  # from the request's tools; with this before it, from the input's items
_INPUT: Final = "input"


def purpose(response_id: str) -> str:
    """What a response's secrets are sealed for, so that they open in no other's row."""
    return f"request:{response_id}"


def without(tools: Any) -> Any:
    """A request's tools as a response shows them; the same object where there is nothing to hide."""
    return _without(tools) if any(True for _ in _found(tools)) else tools


def without_in(item: Json) -> Json:
    """An item that carries tools, as it is stored and shown; the same object where there is nothing to hide."""
    if item["type"] not in kinds.CARRIES_TOOLS or (shown := without(item.get("tools"))) is item.get("tools"):
        return item
    return {**item, "tools": shown}


def seal(tenant_id: UUID, response_id: str, tools: Any, items: Iterable[Json] = ()) -> bytes | None:
    """What `without` and `without_in` leave out, as it may be stored; None where that is nothing."""
    found = [*_found(tools), *_found_in(items)]
    return sealed_fields.seal(purpose(response_id), tenant_id, orjson.dumps(found)) if found else None


def restored(row: Response) -> Json:
    """The request of a stored response, for whoever goes on with it. Raises vault.errors.Damaged."""
    request: Json = row.request
    found = [(path, value) for path, value in _opened(row) if path[0] != _INPUT]
    return {**request, "tools": _put_back(request["tools"], found)} if found else request


def restore_input(row: Response, items: Iterable[Item]) -> None:
    """The same of its input, in the rows given. Raises vault.errors.Damaged."""
    found = [(path[1:], value) for path, value in _opened(row) if path[0] == _INPUT]
    for item in items if found else ():
        if item.direction == Item.Direction.INPUT:
            mine = [(path[1:], value) for path, value in found if path[0] == item.position]
            item.body = _put_back(item.body, mine)


def _opened(row: Response) -> list[tuple[list[int | str], Any]]:
    if row.sealed_request is None:
        return []
    found: list[tuple[list[int | str], Any]] = orjson.loads(
        sealed_fields.open(purpose(row.pk), row.tenant_id, row.sealed_request)
    )
    return found


def _put_back(value: Any, found: Iterable[tuple[list[int | str], Any]]) -> Any:
    made = orjson.loads(orjson.dumps(value))
    for path, secret in found:
        place = made
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = secret
    return made


def _found(tools: Any) -> Iterator[tuple[_Path, Any]]:
    return _inside(tools, ()) if isinstance(tools, list) else iter(())


def _found_in(items: Iterable[Json]) -> Iterator[tuple[_Path, Any]]:
    for index, item in enumerate(items):
        if item["type"] in kinds.CARRIES_TOOLS:
            yield from (((_INPUT, index, "tools", *path), value) for path, value in _found(item.get("tools")))


def _inside(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    if isinstance(value, dict):
        if value.get("type") in _OF_THE_CLIENT:
            return
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
