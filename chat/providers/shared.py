"""Ids of things that belong to the holder of an upstream's key: files, vector stores, containers, skills, prompts.

The server's own upstream has one key for all workspaces. An id that a client names there would reach what another
workspace, or the operator, keeps under that key; so such ids go up only with a key of the workspace's own. A call that
this upstream made itself says back to it what it named, and is known by its maker's mark.
"""

from collections.abc import Iterable
from typing import Any

from chat import kinds
from chat.models import Provider
from chat.providers.errors import UpstreamUnfit
from chat.providers.upstream import Upstream

Json = dict[str, Any]

# Source: ``Tool``, ``ResponseInputItem`` and ``ResponsePrompt`` of ``openai.types.responses``.
_HELD = ("file_id", "file_ids", "vector_store_ids", "container_id", "skill_id", "tunnel_id")
_OF_THE_CLIENT = ("function", "custom", "tool_search")  # their schemas may name what they like


def refuse_ids(upstream: Upstream, body: Json) -> None:
    """Raises UpstreamUnfit where a request for a shared upstream names such a thing. Takes any body."""
    if upstream.kind == Provider.Kind.DEFAULT and _names_any(body, upstream.origin):
        raise UpstreamUnfit(
            "The server's own model is shared by its workspaces and takes no ids of files, vector stores, containers, "
            "skills, tunnels, pictures or prompts, but in calls that it made itself in a stored response. An admin can "
            "connect an upstream of the workspace's own under Models."
        )


def unmarked(body: Json) -> Json:
    """A request as it goes up: its items without the marks of their makers."""
    items = body.get("input")
    if not isinstance(items, list) or not any(kinds.MAKER in item for item in _dicts(items)):
        return body
    return {**body, "input": [{key: inner for key, inner in item.items() if key != kinds.MAKER} for item in items]}


def _names_any(body: Json, origin: str) -> bool:
    return (
        bool(body.get("prompt"))
        or _in_tools(body.get("tools"))
        or _in_tools([body.get("tool_choice")])
        or any(_in_item(item) for item in _dicts(body.get("instructions")))
        or any(_in_item(item) for item in _dicts(body.get("input")) if not origin or item.get(kinds.MAKER) != origin)
    )


def _in_item(item: Json) -> bool:
    """Whether what a client gives to read, or says that was called, names such a thing."""
    kind = item.get("type")
    if kind == "image_generation_call":
        return True  # its id alone stands for the picture
    if kind == "code_interpreter_call":
        return bool(item.get("container_id"))
    if kind == "shell_call":
        return _in(item.get("environment"))
    if any(part.get("file_id") for value in (item.get("content"), item.get("output")) for part in _dicts(value)):
        return True
    return isinstance(kind, str) and kind in kinds.CARRIES_TOOLS and _in_tools(item.get("tools"))


def _in_tools(tools: Any) -> bool:
    """Whether one of the tools does; those of a namespace are looked at one by one."""
    waiting = list(_dicts(tools))
    while waiting:
        tool = waiting.pop()
        if tool.get("type") == "namespace":
            waiting += _dicts(tool.get("tools"))
        elif tool.get("type") not in _OF_THE_CLIENT and _in(tool):
            return True
    return False


def _in(value: Any) -> bool:
    """At any depth; without recursion, whose depth a body could exhaust."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            # A container may also be described: a new one for this call, which names nothing by itself.
            if any(one.get(name) for name in _HELD) or isinstance(one.get("container"), str):
                return True
            waiting += one.values()
    return False


def _dicts(value: Any) -> Iterable[Json]:
    parts = value if isinstance(value, list) else [value]
    return (part for part in parts if isinstance(part, dict))
