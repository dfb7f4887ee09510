"""Ids of things that belong to the holder of an upstream's key: files, vector stores, containers, prompts.

The server's own upstream has one key for all workspaces. An id that a client names there would reach what another
workspace, or the operator, keeps under that key; so such ids go up only with a key of the workspace's own.
"""

from collections.abc import Iterator
from typing import Any

from chat.models import Provider
from chat.providers.errors import UpstreamUnfit
from chat.providers.upstream import Upstream

Json = dict[str, Any]

_IN_TOOLS = ("file_id", "file_ids", "vector_store_ids", "container_id")
_OF_THE_CLIENT = frozenset({"function", "custom", "namespace"})  # their schemas may name what they like
# What a client gives to read. An item that an upstream made names its files too, and says so back to that upstream.
_GIVEN = frozenset({"input_file", "input_image", "computer_screenshot"})


def refuse_ids(upstream: Upstream, body: Json) -> None:
    """Raises UpstreamUnfit where a request for a shared upstream names such a thing."""
    if upstream.kind == Provider.Kind.DEFAULT and _names_any(body):
        raise UpstreamUnfit(
            "The server's own model is shared by its workspaces and takes no ids of files, vector stores, containers "
            "or prompts. An admin can connect an upstream of the workspace's own under Models."
        )


def _names_any(body: Json) -> bool:
    if body.get("prompt"):
        return True
    if any(tool.get("type") not in _OF_THE_CLIENT and _in_tool(tool) for tool in body.get("tools") or ()):
        return True
    items = body.get("input")
    return isinstance(items, list) and any(part.get("file_id") for item in items for part in _given(item))


def _in_tool(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_in_tool, value))
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("container"), str) or any(value.get(name) for name in _IN_TOOLS):
        return True
    return any(map(_in_tool, value.values()))


def _given(item: Json) -> Iterator[Json]:
    for value in (item.get("content"), item.get("output")):
        parts = value if isinstance(value, list) else [value]
        yield from (part for part in parts if isinstance(part, dict) and part.get("type") in _GIVEN)
