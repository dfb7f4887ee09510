"""What is known of the kinds of items. One that is not known here is kept as it came, under an id of ours.

Source: ``ResponseOutputItem`` and ``ResponseInputItem`` of ``openai.types.responses``.
"""

from collections.abc import Iterable
from typing import Any

from chat.params import function_names

Json = dict[str, Any]

# OpenAI's API refuses an item that is sent back under an id of another kind.
_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "mcp_approval_request": "mcpr_up",  # not one of ours, though it looks alike: see `is_foreign_request`
    "web_search_call": "ws",
    "file_search_call": "fs",
    "code_interpreter_call": "ci",
    "image_generation_call": "ig",
    "computer_call": "cu",
    "local_shell_call": "lsh",
    "shell_call": "sh",
    "shell_call_output": "sho",
    "apply_patch_call": "apc",
    "apply_patch_call_output": "apco",
    "tool_search_call": "tsc",
    "tool_search_output": "tso",
    "compaction": "cmp",
    "program": "prog",
    "program_output": "prgo",
}
# Kinds whose id the API demands. Of the others, an id that this server made says nothing up there.
_NAMED = frozenset(
    {
        *("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "computer_call"),
        *("local_shell_call", "local_shell_call_output", "mcp_call", "mcp_list_tools", "mcp_approval_request"),
        *("program", "program_output"),
    }
)
# Calls that a client may have to carry out, until an output of the same call has come.
_CALLS = frozenset(
    {
        *("function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call"),
        "tool_search_call",
    }
)
OUR_ID = "deny_web:id"  # on a foreign server's question, in a context: what the client calls it
# Calls that name what lies under their upstream's key; in a context, each under the mark of the one that made it.
NAMES_HELD = frozenset({"code_interpreter_call", "image_generation_call", "shell_call"})
MAKER = "deny_web:maker"
CARRIES_TOOLS = frozenset({"tool_search_output", "additional_tools"})


def prefix(kind: str) -> str:
    """The prefix of our ids for a kind of items."""
    return _PREFIXES.get(kind, "item")


def keeps_id(item: Json) -> bool:
    """Whether an item of a client's goes up under the id that it has. One of a chain has the upstream's own."""
    kind = item["type"]
    if kind in _NAMED:
        return True
    if kind == "reasoning":
        return not item.get("encrypted_content")  # it is bound to the upstream's id, which the client never saw
    return kind not in ("message", "function_call", "function_call_output") and not str(item.get("id")).startswith(
        "item_"
    )


def is_foreign_request(request_id: object) -> bool:
    """Whether an approval request's id is one that we gave to an upstream's own."""
    return isinstance(request_id, str) and request_id.startswith("mcpr_up_")


def owed(items: Iterable[Json]) -> list[Json]:
    """Which of a step's items its client has to act on before the model can go on."""
    items = list(items)
    answered = {str(item.get("call_id")) for item in items if item["type"].endswith("_output")}
    return [item for item in items if _is_owed(item, answered)]


def _is_owed(item: Json, answered: set[str]) -> bool:
    kind = item["type"]
    if kind == "mcp_approval_request":
        return is_foreign_request(item.get("id"))
    if kind == "tool_search_call" and item.get("execution") != "client":
        return False
    return kind in _CALLS and str(item.get("call_id")) not in answered


def functions_in(items: Iterable[Json]) -> set[str]:
    """The client's functions that a context brought in after its request: found by a search, or added on the way."""
    found: set[str] = set()
    for item in items:
        if item["type"] in CARRIES_TOOLS and isinstance(item.get("tools"), list):
            tools = [tool for tool in item["tools"] if isinstance(tool, dict) and isinstance(tool.get("type"), str)]
            found.update(function_names(tools))
    return found
