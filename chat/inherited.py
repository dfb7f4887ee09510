"""What a connection alone remembered, written down once a response that is stored builds on it.

That response has no parent: without this, whoever continues it would be told its own input only.
"""

from typing import Any

from chat import kinds, tool_secrets
from chat.models import Item, Response
from deny_web import ids
from deny_web.prepared import Insert

Json = dict[str, Any]

_NEW_ITEMS = Insert(Item)


def store(row: Response, context: list[Json], origin: str) -> int:
    """Write a context told for the upstream of `origin` as input items of `row`; answers how many they are."""
    _NEW_ITEMS.many([_item(row, position, item, origin) for position, item in enumerate(context)])
    return len(context)


def _item(row: Response, position: int, told: Json, origin: str) -> Item:
    """An item under a new id of ours; what is between us and the upstream stays out of what a client may read."""
    body = {key: value for key, value in told.items() if key not in ("id", kinds.OUR_ID)}
    upstream = {"by": origin}
    if told.get("id"):
        upstream["id"] = told["id"]
    if body["type"] == "reasoning" and body.get("encrypted_content"):
        upstream["encrypted_content"] = body.pop("encrypted_content")
    if "tools" in body:  # found by a search, or added on the way, perhaps with their credentials
        body["tools"] = tool_secrets.without(body["tools"])
    item_id = told.get(kinds.OUR_ID) or _new_id(told)
    return Item(
        tenant_id=row.tenant_id,
        response=row,
        direction=Item.Direction.INPUT,
        position=position,
        item_id=item_id,
        body={**body, "id": item_id},
        upstream=upstream,
    )


def _new_id(told: Json) -> str:
    if told.get("id"):
        return ids.new(kinds.prefix(told["type"]))
    return ids.new("msg" if told["type"] == "message" else "item")  # not taken for a name that an upstream knows
