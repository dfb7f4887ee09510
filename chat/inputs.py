"""A response's input as rows, each under an id that no other item of the lists that show it has."""

import copy
from typing import Any

from chat import context, kinds, tool_secrets
from chat.models import Item, Response
from deny_web import ids
from deny_web.prepared import Insert

_NEW_ITEMS = Insert(Item)
_REFERRED_TO = "mcp_approval_request"  # by its answer and its call, so that it cannot change its id


def stored(row: Response, items: list[Item], first: int = 0) -> list[Item]:
    """The rows of a response's input from position `first` on, without its tools' credentials; written unless the
    response is not stored."""
    taken = _taken(row, items)
    for position, one in enumerate(items, first):
        one.tenant_id, one.response = row.tenant_id, row
        one.direction, one.position = Item.Direction.INPUT, position
        one.item_id = _item_id(one.body, taken)
        one.body = {**one.body, "id": one.item_id}
        taken.add(one.item_id)
    if row.stored:
        _NEW_ITEMS.many([_shown(one) for one in items])
    return items


def _shown(item: Item) -> Item:
    if (body := tool_secrets.without_in(item.body)) is item.body:
        return item
    shown = copy.copy(item)
    shown.body = body
    return shown


def _taken(row: Response, items: list[Item]) -> set[str]:
    """Which of the ids that the client gave are in its conversation already, which lists the whole chain."""
    given = {one.body["id"] for one in items if one.body.get("id")}
    if not (given and row.stored and row.conversation_id and row.parent_id):
        return set()
    chain = context.chain_ids(row.tenant_id, row.parent_id)
    known = Item.objects.for_tenant(row.tenant_id).filter(response__in=chain, item_id__in=given)
    return set(known.values_list("item_id", flat=True))


def _item_id(item: dict[str, Any], taken: set[str]) -> str:
    """The id that the client gave, where it is free: a reader of pages asks for what is behind an id, and would come
    back to the first of two for ever."""
    given, kind = item.get("id"), item["type"]
    if isinstance(given, str) and 0 < len(given) <= 64 and (given not in taken or kind == _REFERRED_TO):
        return given
    if kinds.keeps_id({**item, "id": "item_"}):
        return ids.new(kinds.prefix(kind))
    return ids.new("msg" if kind == "message" else "item")
