"""deny.sh's vault API for its clients and SDKs, under /api. Shapes: the SDK's `client.py` and https://deny.sh/docs.

    GET    vault/list       the items without ciphertext, the newest first; all of them, or `?limit=N&after=ID` a page
    GET    vault/{id}       one item with its ciphertext                         a member's key
    DELETE vault/{id}                                                            an admin's key
    POST   vault/store      {label, encryptedData, iv, salt, category?}          an admin's key

The SDK asks for the list without a page and refuses one that is longer than DENY_VAULT_LABEL_INDEX_LIMIT (200 unless
set): cutting the list for it would instead tell it that an older label is not there.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deny_web import db
from tenants.access import Act, Principal
from vault import labels
from vault.denysh import items, primitive, sealing
from vault.denysh.door import Kind, Refusal, answer, binary, body, door, text
from vault.denysh.sealing import Sealed
from vault.models import SealedItem


@door(Act.READ, Kind.READ)
async def list_items(request: Request, principal: Principal) -> Response:
    limit, after = _page(request)
    ask = None if limit is None else limit + 1
    rows = await db.run(items.newest, principal.tenant, limit=ask, after=after)
    total = await db.run(items.count, principal.tenant)
    more = limit is not None and len(rows) > limit
    return answer({"items": [_public(row) for row in rows[:limit]], "count": total, "has_more": more})


@door(Act.CHAT, Kind.READ)
async def get_item(request: Request, principal: Principal) -> Response:
    item, sealed = await db.run(items.fetch, request.path_params["item_id"], acting=principal)
    parts = {"encryptedData": sealed.data.hex(), "salt": sealed.salt.hex(), "iv": sealed.iv.hex()}
    return answer(_public(item) | parts)


@door(Act.VAULT_WRITE, Kind.WRITE)
async def delete_item(request: Request, principal: Principal) -> Response:
    await db.run(items.delete, request.path_params["item_id"], acting=principal)
    return answer({"deleted": True})


@door(Act.VAULT_WRITE, Kind.WRITE)
async def store_item(request: Request, principal: Principal) -> Response:
    fields = await body(request)
    sealed = Sealed(
        salt=binary(fields, "salt", longest=sealing.SALT),
        iv=binary(fields, "iv", longest=sealing.IV),
        data=binary(fields, "encryptedData", longest=sealing.LONGEST),
    )
    label = text(fields, "label", longest=labels.LONGEST)
    category = text(fields, "category", longest=items.LONGEST_CATEGORY, required=False)
    item = await db.run(items.store, label, sealed, category=category, acting=principal)
    return answer(_public(item), 201)


def _public(item: SealedItem) -> dict[str, Any]:
    """What everybody of the workspace may know of an item."""
    shown: dict[str, Any] = {"id": str(item.pk), "label": item.label, "size": item.size}
    if item.category:
        shown["category"] = item.category
    return shown | {"created_at": _time(item.created_at), "updated_at": _time(item.updated_at)}


def _time(at: datetime) -> str:
    """Of one length: clients compare the texts."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _page(request: Request) -> tuple[int | None, UUID | None]:
    query = request.query_params
    try:
        limit = int(query["limit"]) if "limit" in query else None
        after = UUID(query["after"]) if "after" in query else None
    except ValueError:
        raise Refusal(400, "limit is a number of items, after an item's id.") from None
    if limit is not None and not 1 <= limit <= items.MOST:
        raise Refusal(400, f"limit is 1 to {items.MOST}.")
    return limit, after


async def _no_route(request: Request) -> Response:
    return answer({"error": "There is no such route."}, 404)


async def _wrong_method(request: Request) -> Response:
    return answer({"error": "This route does not take this method."}, 405)


_HANDLERS = [
    ("/vault/list", "GET", list_items),
    ("/vault/store", "POST", store_item),
    ("/vault/{item_id}", "GET", get_item),
    ("/vault/{item_id}", "DELETE", delete_item),
    ("/encrypt", "POST", primitive.encrypt),
    ("/decrypt", "POST", primitive.decrypt),
    ("/deny", "POST", primitive.deny),
]
_ALL = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_FIXED = {"/vault/list", "/vault/store", "/encrypt", "/decrypt", "/deny"}
routes = [
    *[Route(path, handler, methods=[method]) for path, method, handler in _HANDLERS if path in _FIXED],
    *[Route(path, _wrong_method, methods=_ALL) for path in _FIXED],
    *[Route(path, handler, methods=[method]) for path, method, handler in _HANDLERS if path not in _FIXED],
    Route("/vault/{item_id}", _wrong_method, methods=_ALL),
    Route("/{rest:path}", _no_route, methods=_ALL),
]
