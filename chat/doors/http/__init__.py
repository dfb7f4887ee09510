"""The Responses API over HTTP, for API keys.

A Starlette application beside Django's handler, which starts a thread for each request. Every route goes through
`door.door`, which asks who is calling before anything else.
"""

from starlette.requests import Request
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from chat.doors.http import approvals, contexts, conversations, models, responses
from chat.doors.http.door import answer
from chat.errors import ApiError


async def unknown_route(request: Request) -> HttpResponse:
    error = ApiError(404, "There is no such route.", code="unknown_route")
    return answer(error.as_body(), error.status)


async def wrong_method(request: Request) -> HttpResponse:
    error = ApiError(405, "This route does not take this method.", code="method_not_allowed")
    return answer(error.as_body(), error.status)


_HANDLERS = [
    ("/responses", "POST", responses.create_response),
    ("/responses/compact", "POST", contexts.compact),
    ("/responses/input_tokens", "POST", contexts.count_input_tokens),
    ("/responses/{response_id}", "GET", responses.retrieve_response),
    ("/responses/{response_id}", "DELETE", responses.delete_response),
    ("/responses/{response_id}/cancel", "POST", responses.cancel_response),
    ("/responses/{response_id}/approvals", "POST", approvals.decide),
    ("/responses/{response_id}/input_items", "GET", responses.list_input_items),
    ("/conversations", "POST", conversations.create_conversation),
    ("/conversations/{conversation_id}", "GET", conversations.retrieve_conversation),
    ("/conversations/{conversation_id}", "POST", conversations.update_conversation),
    ("/conversations/{conversation_id}", "DELETE", conversations.delete_conversation),
    ("/conversations/{conversation_id}/items", "GET", conversations.list_items),
    ("/conversations/{conversation_id}/items", "POST", conversations.add_items),
    ("/conversations/{conversation_id}/items/{item_id}", "GET", conversations.retrieve_item),
    ("/conversations/{conversation_id}/items/{item_id}", "DELETE", conversations.delete_item),
    ("/models", "GET", models.list_models),
    ("/models/{model:path}", "GET", models.retrieve_model),
]
# Those without a parameter, by their whole path: most of the traffic, which a router would search its patterns for.
fixed_routes = {(f"/v1{path}", method): handler for path, method, handler in _HANDLERS if "{" not in path}
_ALL = ["GET", "POST", "PUT", "PATCH", "DELETE"]
routes = [
    *[Route(path, handler, methods=[method]) for path, method, handler in _HANDLERS],
    *[Route(path, wrong_method, methods=_ALL) for path in dict.fromkeys(path for path, _, _ in _HANDLERS)],
    Route("/{rest:path}", unknown_route, methods=_ALL),
]
