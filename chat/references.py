"""What a request's input names of what was said before: by a reference, or by an item sent back as it was shown.

What is shown goes without the upstream's name for it and, where nobody asked, without its seal. An upstream that keeps
nothing answers 404 for reasoning that comes back so. Hence what is stored beside the item goes up with it again.
"""

from collections.abc import Iterable
from typing import Any

from chat import kinds, lookup
from chat.errors import bad_request
from chat.models import Item
from deny_web import ids
from tenants.access import Principal

Json = dict[str, Any]


def resolved(principal: Principal, items: list[Json]) -> list[Item]:
    """The input as rows that are not written yet, each reference as the item that it names. Raises ApiError 400.

    Only what the principal may read is found: the workspace is not enough, since a colleague's conversation, or a
    person's for a key, is as foreign as another's. Asks nothing where the input names nothing.
    """
    known = _known(principal, items)
    rows = []
    for index, item in enumerate(items):
        found = known.get(item.get("id") or "", [])
        if item["type"] != "item_reference":
            rows.append(_as_made(item, found))
        elif found:
            rows.append(_as_made(found[-1].body, found))
        else:
            raise bad_request("The referenced item was not found.", f"input[{index}].id", "item_not_found")
    return rows


def _known(principal: Principal, items: list[Json]) -> dict[str, list[Item]]:
    """The rows of what the input names, oldest first, by their ids: more than one where an item was sent back before.

    Messages and calls are told without their ids, and need nothing of ours. They are looked up where something else
    has to be, so that all of it goes up as in a chain.
    """
    wanted = {item["id"] for item in items if item["type"] == "item_reference"}
    if any(ids.is_ours(item.get("id")) and kinds.keeps_id(item) for item in items):
        wanted |= {item["id"] for item in items if ids.is_ours(item.get("id"))}
    known: dict[str, list[Item]] = {}
    if wanted:
        for row in lookup.items(principal).filter(item_id__in=wanted).order_by("pk"):
            known.setdefault(row.item_id, []).append(row)
    return known


def _as_made(body: Json, found: Iterable[Item]) -> Item:
    """An item with what its maker calls it, where it is one that was made here."""
    made = [row for row in found if row.upstream and row.body["type"] == body["type"]]
    if not made:
        return Item(body=body, item_id=body.get("id") or "")
    if body["type"] in kinds.NAMES_HELD:
        body = made[-1].body  # whole: another container's id in it would pass for its maker's word
    return Item(body=body, item_id=made[-1].item_id, upstream=made[-1].upstream)
