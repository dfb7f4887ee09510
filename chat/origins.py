"""Items that one upstream made and another one is told: without what only their maker understands.

A reasoning item is sealed by its maker, and ids of items, containers and pictures are the maker's names for them.
Another upstream refuses these.
"""

from typing import Any

from chat import kinds

MARK = "deny_web:upstream"  # on a sealed item that a client keeps: who can open it
_OWN_TYPES = ("message", "function_call", "custom_tool_call")


def foreign(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The context as any upstream takes it."""
    return [told for item in items if (told := translated(item)) is not None]


def translated(item: dict[str, Any]) -> dict[str, Any] | None:
    """One item as any upstream takes it; None for one that says nothing elsewhere."""
    kind = item["type"]
    if kind == "reasoning" or (kind == "compaction" and item.get("encrypted_content")):
        return None
    if kinds.MAKER in item:
        if kind != "shell_call":
            return None
        return {key: value for key, value in item.items() if key != "environment"}  # its output needs the call
    if "id" in item and kind in _OWN_TYPES:
        return {key: value for key, value in item.items() if key != "id"}
    return item
