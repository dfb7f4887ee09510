"""Items that one upstream made and another one is told: without what only their maker understands.

A reasoning item is sealed by its maker, and an item's id is the maker's name for it. Another upstream refuses both.
"""

from typing import Any

MARK = "deny_web:upstream"  # on a sealed item that a client keeps: who can open it
_OWN_TYPES = ("message", "function_call", "custom_tool_call")


def foreign(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The context as any upstream takes it."""
    return [told for item in items if (told := translated(item)) is not None]


def translated(item: dict[str, Any]) -> dict[str, Any] | None:
    """One item as any upstream takes it; None for one that says nothing elsewhere."""
    if item["type"] == "reasoning" or (item["type"] == "compaction" and item.get("encrypted_content")):
        return None
    if "id" in item and item["type"] in _OWN_TYPES:
        return {key: value for key, value in item.items() if key != "id"}
    return item
