"""A response's input as rows, each under an id."""

import copy
from typing import Any

from chat import tool_secrets
from chat.models import Item, Response
from deny_web import ids
from deny_web.prepared import Insert

_NEW_ITEMS = Insert(Item)


def stored(row: Response, items: list[Item], first: int = 0) -> list[Item]:
    """The rows of a response's input from position `first` on, without its tools' credentials; written unless the
    response is not stored."""
    for position, one in enumerate(items, first):
        one.tenant_id, one.response = row.tenant_id, row
        one.direction, one.position = Item.Direction.INPUT, position
        one.item_id = _item_id(one.body)
        one.body = {**one.body, "id": one.item_id}
    if row.stored:
        _NEW_ITEMS.many([_shown(one) for one in items])
    return items


def _shown(item: Item) -> Item:
    if (body := tool_secrets.without_in(item.body)) is item.body:
        return item
    shown = copy.copy(item)
    shown.body = body
    return shown


def _item_id(item: dict[str, Any]) -> str:
    given = item.get("id")
    if isinstance(given, str) and 0 < len(given) <= 64:
        return given
    return ids.new("msg" if item["type"] == "message" else "item")
