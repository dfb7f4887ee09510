"""The door itself: who is calling, what came, and the API's one error shape."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as HttpResponse
from starlette.types import Scope

from chat.doors import bodies, edge
from chat.errors import ApiError, bad_request
from deny_web import db
from tenants import access
from tenants.access import Act, Principal

MAX_BODY_BYTES = 32 * 1024 * 1024
RECHECK_SECONDS = 3.0  # how soon an open stream notices that its key was revoked

Handler = Callable[[Request, Principal], Awaitable[HttpResponse]]


def answered(handler: Callable[[Request], Awaitable[HttpResponse]]) -> Callable[[Request], Awaitable[HttpResponse]]:
    """Turn what a handler raises into the API's error shape. For a handler that asks who is calling by itself."""

    async def handle(request: Request) -> HttpResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return answer(error.as_body(), error.status, error.headers)
        except Exception as error:  # what nobody expected has the one shape too
            fault = edge.fault(error, request.url.path)
            return answer(fault.as_body(), fault.status)

    return handle


def door(act: Act) -> Callable[[Handler], Callable[[Request], Awaitable[HttpResponse]]]:
    """Let a handler in only with a principal that may do `act`; turn what it raises into the API's error shape."""

    def wrap(handler: Handler) -> Callable[[Request], Awaitable[HttpResponse]]:
        async def handle(request: Request) -> HttpResponse:
            return await handler(request, await authenticated(request, act))

        return answered(handle)

    return wrap


async def authenticated(request: Request, act: Act) -> Principal:
    """The principal of the one Authorization header. Raises ApiError 401 or 403."""
    return await db.run(principal_of, credentials(request), act, request.scope)


def credentials(request: Request) -> str:
    """The one Authorization header. Raises ApiError 401 for none and for two, of which a proxy may read the other."""
    headers = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if len(headers) != 1:
        raise _unauthenticated()
    return str(headers[0].decode("latin-1"))


def principal_of(header: str, act: Act, scope: Scope) -> Principal:
    """Who holds the key, which came with this request; on a database thread. Raises ApiError 401 or 403."""
    try:
        return access.for_bearer(header, act, scope)
    except access.Unauthenticated:
        raise _unauthenticated() from None
    except PermissionDenied as denied:
        raise ApiError(403, str(denied), code="insufficient_permissions") from None


def _unauthenticated() -> ApiError:
    message = "No valid API key. Send it as 'Authorization: Bearer KEY'."
    return ApiError(401, message, code="invalid_api_key", headers={"www-authenticate": "Bearer"})


async def json_body(request: Request) -> Any:
    """The body as JSON. Raises ApiError 400 or 413."""
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise ApiError(413, "The body is larger than 32 MiB.", code="body_too_large")
            chunks.append(chunk)
    except ClientDisconnect:
        raise bad_request("The body broke off.") from None
    return bodies.read(b"".join(chunks))


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty one."""
    if request.headers.get("content-length") == "0":
        return {}
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object.")
    return body


def included(request: Request) -> frozenset[str]:
    """What a client wants to have included, in each form that a query can give a list."""
    return frozenset(value for name in ("include", "include[]") for value in request.query_params.getlist(name))


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(
        orjson.dumps(body), status, {"cache-control": "no-store", **(headers or {})}, "application/json"
    )


def page(bodies: list[dict[str, Any]], query: dict[str, str], *, order: str = "desc") -> dict[str, Any]:
    """One page of a list that is in order of time: `limit`, `order`, `after` as the API has them."""
    try:
        limit = min(100, max(1, int(query.get("limit", "20"))))
    except ValueError:
        raise bad_request("'limit' must be a whole number.", "limit") from None
    if query.get("order", order) not in ("asc", "desc"):
        raise bad_request("'order' is asc or desc.", "order")
    if query.get("order", order) == "desc":
        bodies = bodies[::-1]
    if after := query.get("after"):
        places = [place for place, body in enumerate(bodies) if body["id"] == after]
        if not places:
            raise bad_request("'after' names no item of this list.", "after")
        bodies = bodies[places[-1] + 1 :]  # the last: behind the first of two, a reader would go round for ever
    shown = bodies[:limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(bodies) > limit,
    }
