"""Bodies that nobody thought of: good requests changed at a random place, and any JSON at all."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["", "message", "function", "auto", "required", "mcp", "deny_web", "resp_0", "a" * 300])
)  # fmt: skip
NAMES = [
    *("input", "tools", "metadata", "conversation", "store", "stream", "background", "model", "max_output_tokens"),
    *("previous_response_id", "instructions", "tool_choice", "include", "text", "reasoning", "max_tool_calls"),
    *(
        "parallel_tool_calls",
        "generate",
        "prompt",
        "stream_options",
        "deny_web:tools",
        "deny_web:token",
        "type",
        "role",
    ),
    *("content", "id", "call_id", "name", "arguments", "output", "server_label", "approval_request_id", "approve"),
    *("allowed_tools", "require_approval", "items", "encrypted_content", "summary", "status", "phase", "parameters"),
    *(
        "prompt_cache_options",
        "comparison_response_id",
        "environment",
        "container",
        "container_id",
        "file_id",
        "headers",
    ),
    *("deny_web:conversation", "response_id", "starting_after", "reason", "format", "mode", "moderation"),
]
KEYS = st.sampled_from(NAMES) | st.text(max_size=8)
ANY = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=15
)

ITEMS: list[Json] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
    {"role": "assistant", "content": "hello"},
    {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1", "output": "{}"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
    {"type": "mcp_call", "id": "mcp_1", "server_label": "deny_web", "name": "f", "arguments": "{}", "output": "1"},
    {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "deny_web", "name": "f", "arguments": "{}"},
    {"type": "mcp_approval_response", "approval_request_id": "mcpr_up_1", "approve": True},
    {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "g"}]},
    {"type": "tool_search_output", "call_id": None, "tools": [{"type": "function", "name": "h"}]},
    {"type": "additional_tools", "role": "developer", "tools": [{"type": "mcp", "headers": {"A": "b"}}]},
    {"type": "function_call_output", "name": "f", "output": "{}"},
    {"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1", "status": "completed"},
]
# Well formed, and refused as they are: nothing behind them is reached until they are changed.
REFUSED: list[Json] = [
    {"type": "compaction", "encrypted_content": "dw1.AAAA"},
    {"type": "item_reference", "id": "msg_1"},
    {"id": "msg_1"},
    {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
]
TOOLS: list[Json] = [
    {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}},
    {"type": "function", "function": {"name": "old", "parameters": {}}},
    {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "inner"}]},
    {"type": "mcp", "server_label": "deny_web", "allowed_tools": {"tool_names": []}, "require_approval": "always"},
    {"type": "mcp", "server_label": "x", "server_url": "https://example.com", "headers": {"A": "b"}},
]
CREATE: Json = {
    "model": "m",
    "input": ITEMS,
    "tools": TOOLS,
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "deny_web"}]},
    "metadata": {"a": "b"},
    "reasoning": {"effort": "low"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
    "include": ["reasoning.encrypted_content"],
    "max_output_tokens": 100,
    "max_tool_calls": 2,
    "parallel_tool_calls": False,
    "instructions": "Be brief.",
    "prompt_cache_options": {"mode": "explicit", "comparison_response_id": None},
    "store": False,
}


ODD: list[Any] = [None, True, 7, 0.5, "", "x", [], [1], [{}], {}, {"type": "x"}]


def spoilt(items: list[Json]) -> Iterator[Json]:
    """Each item with each of its fields taken out, or of another kind."""
    for item in items:
        for name in item:
            yield {key: value for key, value in item.items() if key != name}
            for value in ODD:
                yield {**item, name: value}


@st.composite
def changed(draw: st.DrawFn, good: Json) -> Json:
    """`good` with one or two places changed: a value replaced, taken out, or put in."""
    made = copy.deepcopy(good)
    lists = [key for key in ("input", "items", "tools") if isinstance(made.get(key), list)]
    inside = draw(st.booleans()) if lists else False
    if inside:  # one item or tool, beside good ones: most of what is acted on is there
        key = draw(st.sampled_from(lists))
        one = copy.deepcopy(draw(st.sampled_from(made[key] + (REFUSED if key != "tools" else []))))
        _change(draw, one)
        made[key] = [*made[key], one] if draw(st.booleans()) else [one]
        return made
    for _ in range(draw(st.integers(1, 2))):
        _change(draw, made)
    return made


def _change(draw: st.DrawFn, place: Any) -> None:
    while isinstance(place, dict | list) and place:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if isinstance(inner, dict | list) and inner and draw(st.integers(0, 3)):
            place = inner
            continue
        act = draw(st.sampled_from(["replace", "remove", "add"]))
        if act == "remove":
            del place[key]
        elif act == "add" and isinstance(place, dict):
            place[draw(KEYS)] = draw(ANY)
        else:
            place[key] = draw(ANY)
        return
