"""A turn's calls of the workspace's tools, as its request allows them: what goes up to be called, and what may run.

`max_tool_calls` counts the calls that run here or at the upstream, over all steps of a response, and not those of the
client's functions. With `parallel_tool_calls: false` a step has one call; what an upstream calls beyond it all the same
is refused.
"""

from collections.abc import Set
from typing import Any, cast

from chat import approvals, narrowing
from chat.ledger import ProposedCall
from chat.params import CLIENT_TOOLS
from chat.step import Slot, Step
from chat.turn import Turn

_NOT_HOSTED = frozenset({"function_call", "custom_tool_call"})


def put_tools(turn: Turn, body: dict[str, Any]) -> None:
    """Put a step's tools into the body that goes up, and what is said there of their use."""
    left = _left(turn)
    offers = turn.offers if left != 0 else {}
    tools = narrowing.tools_up(body.get("tools") or [], offers)
    if left is not None:
        body["max_tool_calls"] = left
    if left == 0:
        tools = [tool for tool in tools if tool["type"] in CLIENT_TOOLS]
        del body["max_tool_calls"]
    if "tool_choice" in body:
        body["tool_choice"] = narrowing.choice_up(body["tool_choice"], tools, offers, again=turn.step > 0)
    body["tools"] = tools
    if not tools:
        del body["tools"]


def proposed(turn: Turn, step: Step) -> list[ProposedCall]:
    """A step's calls for the ledger; those that the request does not allow are refused there."""
    mine = {slot.index for slot in step.calls}
    left = _left(turn, mine)
    serial = turn.request.get("parallel_tool_calls") is False
    made = []
    for place, slot in enumerate(step.calls):
        over = (left is not None and place >= left) or (serial and (place > 0 or step.client_calls > 0))
        made.append(_proposed(turn, slot, slot.refused or ("too_many_calls" if over else "")))
    return made


def _proposed(turn: Turn, slot: Slot, refused: str) -> ProposedCall:
    call = cast(dict[str, Any], slot.call)
    offer = turn.offers.get(call["name"])
    return ProposedCall(
        call_id=call["call_id"],
        item_id=approvals.call_item_id(slot.id) if slot.asked else slot.id,
        name=call["name"],
        arguments=call["arguments"],
        tool_version_id=offer.version_id if offer else None,
        asks=slot.asked,
        refused=refused,
    )


def _left(turn: Turn, besides: Set[int] = frozenset()) -> int | None:
    """How many calls the request still allows, None without a limit; those at `besides` are not counted yet."""
    most = turn.request.get("max_tool_calls")
    if most is None:
        return None
    items = enumerate(turn.output.items)
    counted = sum(_is_counted(item) for index, item in items if index not in turn.abandoned and index not in besides)
    return max(0, most - counted)


def _is_counted(item: dict[str, Any]) -> bool:
    """Whether an item is a call; one that was asked about counts when it was asked."""
    kind = item["type"]
    if kind == "mcp_call" and item.get("approval_request_id"):
        return False
    return kind == "mcp_approval_request" or (kind.endswith("_call") and kind not in _NOT_HOSTED)
