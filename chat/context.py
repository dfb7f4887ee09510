"""What the model gets to see: the chain of responses, replayed in the upstream's terms."""

import uuid
from collections.abc import Callable, Container, Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from django.db import connection

from chat import kinds, origins
from chat.errors import bad_request
from chat.models import Item
from chat.step import SERVER_LABEL
from chat.tools import outcome
from chat.tools.errors import ToolError
from chat.turn import Turn
from tenants.models import Tenant

MAX_CHAIN = 10_000  # responses; far more than any model can read
_ASKED = "mcpr_"  # a call that a person decides goes up under its request's id, which both its items know
_CALLS = frozenset({"function_call", "custom_tool_call"})
_ANSWERS = frozenset({"function_call_output", "custom_tool_call_output"})
_DENIED = outcome.failure(ToolError("denied"))["output"]

_CHAIN = """
WITH RECURSIVE chain(id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM chat_response WHERE id = %s AND tenant_id = %s
    UNION ALL
    SELECT r.id, r.parent_id, c.depth + 1 FROM chat_response r
    JOIN chain c ON r.id = c.parent_id AND r.tenant_id = %s WHERE c.depth < %s
)
"""
_CHAIN_IDS = f"{_CHAIN} SELECT id FROM chain ORDER BY depth DESC"  # noqa: S608 - text of ours, no value
# "input" sorts before "output". The path of every request that goes on: one statement, and no model's objects.
_CHAIN_ITEMS = f"""{_CHAIN}
SELECT c.depth, i.item_id, i.body, i.upstream FROM chain c
LEFT JOIN chat_item i ON i.response_id = c.id AND i.tenant_id = %s AND NOT i.abandoned
ORDER BY c.depth DESC, i.direction, i.position
"""  # noqa: S608 - the same


class Kept(NamedTuple):
    """A stored item, as far as the context needs it."""

    item_id: str
    body: dict[str, Any]
    upstream: dict[str, Any]


def chain_ids(tenant_id: uuid.UUID, response_id: str, room: int = 0) -> list[str]:
    """The ids from the root of the tree to `response_id`; the tenant is asked for at every link.

    Raises ApiError 400 where `room` more would make a chain that is too long: its beginning is not left out unsaid.
    """
    ids = [row[0] for row in _chain(_CHAIN_IDS, tenant_id, response_id)]
    _check_length(len(ids) + room)
    return ids


def of_chain(tenant_id: uuid.UUID, response_id: str | None, origin: str = "", room: int = 0) -> list[dict[str, Any]]:
    """The input that a response and its ancestors make for the upstream of `origin`.

    Raises ApiError 400 for a chain that has no `room` for as many more.
    """
    if response_id is None:
        return []
    told: list[dict[str, Any]] = []
    length = 0
    for _, rows in groupby(_chain(_CHAIN_ITEMS, tenant_id, response_id, 1), key=itemgetter(0)):
        length += 1
        kept = [Kept(item_id, orjson.loads(body), orjson.loads(up)) for _, item_id, body, up in rows if item_id]
        told += of_items(kept, origin=origin)
    _check_length(length + room)
    return _with_calls(told)


def _with_calls(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without outputs whose calls were deleted with their response, which an upstream refuses. What an upstream has
    compacted may hold the call unseen."""
    lost = {item["call_id"] for item in items if item["type"] in _ANSWERS and item.get("call_id")}
    lost -= _call_ids(items) if lost else set()
    if not lost or any(item["type"] == "compaction" for item in items):
        return items
    return [item for item in items if item["type"] not in _ANSWERS or item.get("call_id") not in lost]


def _chain(sql: str, tenant_id: uuid.UUID, response_id: str, more: int = 0) -> list[tuple[Any, ...]]:
    """The rows of a statement about a chain, of one response more than is allowed where there are more."""
    tenant = Tenant._meta.pk.get_db_prep_value(tenant_id, connection)
    with connection.cursor() as cursor:
        cursor.execute(sql, [response_id, tenant, tenant, MAX_CHAIN, *[tenant] * more])
        return cursor.fetchall()


def _check_length(length: int) -> None:
    if length > MAX_CHAIN:
        sentence = f"A chain has at most {MAX_CHAIN} responses. Compact it (/responses/compact) and go on from that."
        raise bad_request(sentence, "previous_response_id", "chain_too_long")


def of_items(rows: Iterable[Item | Kept], waiting: Container[str] = (), origin: str = "") -> list[dict[str, Any]]:
    """Stored items in the upstream's terms. A step's tool calls come first, then their outputs, as they came.

    Calls in `waiting` have no output yet. What another upstream than that of `origin` made is told without its seals.
    """
    items: list[dict[str, Any]] = []
    outputs: list[dict[str, Any]] = []
    for row in rows:
        kind = row.body["type"]
        if kind == "mcp_approval_response" and not kinds.is_foreign_request(row.body.get("approval_request_id")):
            continue  # between a person and us
        if not _is_ours(row.body):
            items += outputs
            outputs = []
            maker = row.upstream.get("by") or row.body.get(origins.MARK) or origin
            item = _as_upstream(row.body, row.upstream)
            told = item if item is None or not origin or maker == origin else origins.translated(item)
            items += [told] if told is not None else []
            continue
        if kind == "mcp_approval_request" or not row.body.get("approval_request_id"):
            items.append(_call(row.body, row.upstream))
        if kind == "mcp_call" and row.item_id not in waiting:
            outputs.append(_call_output(row.body, row.upstream))
    return items + outputs


def of_outputs(turn: Turn, first: int) -> list[dict[str, Any]]:
    """The live turn's output items from `first` on; its own tools' calls without their outputs."""
    items = []
    for index in range(first, len(turn.output.items)):
        body, upstream = turn.output.snapshot(index), turn.upstream_names.get(index, {})
        told = _call(body, upstream) if _is_ours(body) else _as_upstream(body, upstream)
        items += [told] if told is not None else []
    return items


def of_outcomes(turn: Turn, indexes: list[int]) -> list[dict[str, Any]]:
    """The outputs of the live turn's finished calls."""
    return [_call_output(turn.output.items[index], turn.upstream_names[index]) for index in indexes]


def answered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The context as it goes up: each call that a person was asked about has its output right behind its step's calls.

    Decisions come late, in a later response or behind other words, and some never come: to an upstream that is a call
    without an output, which it refuses. What nobody answered on the way here is told as denied.
    """
    items = _referring(items)
    if not any(str(item.get("call_id")).startswith(_ASKED) for item in items):
        return items
    outputs = {item.get("call_id"): item for item in items if item["type"] == "function_call_output"}
    told: list[dict[str, Any]] = []
    owed: list[str] = []
    for item in items:
        kind, call_id = item["type"], str(item.get("call_id"))
        if kind == "function_call_output" and call_id.startswith(_ASKED):
            continue
        if kind not in ("function_call", "function_call_output"):
            told += [outputs.get(one) or _denied(one) for one in owed]
            owed = []
        told.append(item)
        if kind == "function_call" and call_id.startswith(_ASKED):
            owed.append(call_id)
    return told + [outputs.get(one) or _denied(one) for one in owed]


def _referring(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items with a foreign server's questions, and whatever refers to one, under the upstream's names for them."""
    names = {item[kinds.OUR_ID]: item["id"] for item in items if kinds.OUR_ID in item}
    if not names:
        return items
    told = [{key: value for key, value in item.items() if key != kinds.OUR_ID} for item in items]
    for item in told:
        if (wanted := str(item.get("approval_request_id"))) in names:
            item["approval_request_id"] = names[wanted]
    return told


def check_outputs(items: list[dict[str, Any]], before: Callable[[], list[dict[str, Any]]]) -> None:
    """Raises ApiError 400 for an output of a request's input whose call is not in its context, as OpenAI's API does.

    `before` is asked only where the input answers a call that is not in it. What an upstream has compacted may hold the
    call unseen.
    """
    given = [(index, item.get("call_id")) for index, item in enumerate(items) if item["type"] in _ANSWERS]
    answers = [(index, call_id) for index, call_id in given if call_id is not None]  # one of a tool that nobody called
    known = _call_ids(items) if answers else set()
    if known.issuperset(call_id for _, call_id in answers):
        return
    history = before()
    known |= _call_ids(history)
    missing = [index for index, call_id in answers if call_id not in known]
    if missing and not any(item["type"] == "compaction" for item in (*items, *history)):
        param = f"input[{missing[0]}].call_id"
        raise bad_request("No tool call of this context has this 'call_id'.", param, "tool_call_not_found")


def _call_ids(items: Iterable[dict[str, Any]]) -> set[str]:
    return {item["call_id"] for item in items if item["type"] in _CALLS and isinstance(item.get("call_id"), str)}


def asked_ids(items: Iterable[dict[str, Any]]) -> set[str]:
    """The approval requests whose calls are in a context."""
    return {item["call_id"] for item in items if item["type"] == "function_call"}


def _denied(call_id: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": _DENIED}


def _is_ours(body: dict[str, Any]) -> bool:
    return body["type"] in ("mcp_call", "mcp_approval_request") and body.get("server_label") == SERVER_LABEL


def _call(body: dict[str, Any], upstream: dict[str, Any]) -> dict[str, Any]:
    asked = body["type"] == "mcp_approval_request"
    call_id = body["id"] if asked else upstream.get("call_id") or body["id"]
    return {"type": "function_call", "call_id": call_id, "name": body["name"], "arguments": body["arguments"]}


def _call_output(body: dict[str, Any], upstream: dict[str, Any]) -> dict[str, Any]:
    call_id = body.get("approval_request_id") or upstream.get("call_id") or body["id"]
    return {"type": "function_call_output", "call_id": call_id, "output": body.get("output") or ""}


def of_input(items: Iterable[dict[str, Any]], origin: str = "") -> list[dict[str, Any]]:
    """A request's own items in the upstream's terms."""
    return of_items((Item(body=item, item_id=item.get("id") or "") for item in items), origin=origin)


def _as_upstream(body: dict[str, Any], upstream: dict[str, Any]) -> dict[str, Any] | None:
    """An item in its maker's terms; None for one that only an upstream which keeps answers could make sense of."""
    item = {key: value for key, value in body.items() if not key.startswith("deny_web:")}
    if upstream.get("id"):
        item["id"] = upstream["id"]
        if item["type"] == "mcp_approval_request":
            item[kinds.OUR_ID] = body["id"]
        if item["type"] in kinds.NAMES_HELD and upstream.get("by"):
            item[kinds.MAKER] = upstream["by"]
    elif not kinds.keeps_id(item):
        item.pop("id", None)  # our own name for it says nothing up there
    if upstream.get("encrypted_content"):
        item["encrypted_content"] = upstream["encrypted_content"]  # asked for by us, not shown to the client
    if item["type"] == "reasoning" and not (item.get("encrypted_content") or item.get("content")):
        return None  # an id and a summary, which is for people: 404 from an upstream that kept nothing
    if item["type"] == "message" and item.get("status") == "incomplete":
        item["status"] = "completed"  # a stopped answer is part of what was said
    return item
