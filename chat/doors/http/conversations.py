"""`/conversations` and their items."""

from starlette.requests import Request
from starlette.responses import Response as HttpResponse

from chat import conversations, lookup
from chat.doors.http.door import answer, door, included, json_object, page
from chat.envelope import body_of, with_status
from deny_web import db
from tenants.access import Act, Principal


@door(Act.CHAT)
async def create_conversation(request: Request, principal: Principal) -> HttpResponse:
    """`POST /conversations`."""
    body = await json_object(request)
    return answer(conversations.as_object(await db.run(conversations.create, principal, body)))


@door(Act.READ)
async def retrieve_conversation(request: Request, principal: Principal) -> HttpResponse:
    """`GET /conversations/{id}`."""
    return answer(conversations.as_object(await db.run(lookup.conversation, principal, _id(request))))


@door(Act.CHAT)
async def update_conversation(request: Request, principal: Principal) -> HttpResponse:
    """`POST /conversations/{id}`: its metadata."""
    body = await json_object(request)
    return answer(conversations.as_object(await db.run(conversations.update, principal, _id(request), body)))


@door(Act.CHAT)
async def delete_conversation(request: Request, principal: Principal) -> HttpResponse:
    """`DELETE /conversations/{id}`."""
    await db.run(conversations.delete, principal, _id(request))
    return answer({"id": _id(request), "object": "conversation.deleted", "deleted": True})


@door(Act.READ)
async def list_items(request: Request, principal: Principal) -> HttpResponse:
    """`GET /conversations/{id}/items`, newest first unless `order=asc`."""
    bodies = await db.run(conversations.items, principal, _id(request), included(request))
    return answer(page(bodies, dict(request.query_params)))


@door(Act.CHAT)
async def add_items(request: Request, principal: Principal) -> HttpResponse:
    """`POST /conversations/{id}/items`, 20 at a time."""
    body = await json_object(request)
    added = await db.run(conversations.add_items, principal, _id(request), body)
    return answer(page(added, {"limit": "100", "order": "asc"}))


@door(Act.READ)
async def retrieve_item(request: Request, principal: Principal) -> HttpResponse:
    """`GET /conversations/{id}/items/{item_id}`."""
    found = await db.run(conversations.item, principal, _id(request), request.path_params["item_id"])
    return answer(with_status(body_of(found, included(request))))


@door(Act.CHAT)
async def delete_item(request: Request, principal: Principal) -> HttpResponse:
    """`DELETE /conversations/{id}/items/{item_id}`; answers with the conversation."""
    item_id = request.path_params["item_id"]
    return answer(conversations.as_object(await db.run(conversations.delete_item, principal, _id(request), item_id)))


def _id(request: Request) -> str:
    return str(request.path_params["conversation_id"])
