"""The Responses API over HTTP: JSON and server-sent events, for API keys.

A Starlette application beside Django's handler, which starts a thread for each request. Every route goes through
`door`, which asks who is calling before anything else.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as HttpResponse
from starlette.responses import StreamingResponse
from starlette.routing import Route

from chat import envelope, events, hosting, lookup, params, stopping
from chat.doors import readers, starting
from chat.errors import ApiError, bad_request
from chat.events import Frame, Gone
from chat.models import Door, Response
from chat.providers import upstream
from chat.turn import Turn
from deny_web import db
from tenants import access
from tenants.access import Act, Principal

MAX_BODY_BYTES = 32 * 1024 * 1024
RECHECK_SECONDS = 3.0  # how soon an open stream notices that its key was revoked

Handler = Callable[[Request, Principal], Awaitable[HttpResponse]]


def door(act: Act) -> Callable[[Handler], Callable[[Request], Awaitable[HttpResponse]]]:
    """Let a handler in only with a principal that may do `act`; turn what it raises into the API's error shape."""

    def wrap(handler: Handler) -> Callable[[Request], Awaitable[HttpResponse]]:
        async def handle(request: Request) -> HttpResponse:
            try:
                return await handler(request, await _principal(request, act))
            except ApiError as error:
                return _json(error.as_body(), error.status, error.headers)

        return handle

    return wrap


@door(Act.CHAT)
async def create_response(request: Request, principal: Principal) -> HttpResponse:
    """`POST /responses`."""
    create = params.parse(await _body(request))
    started = await starting.start(principal, create, Door.API)
    if isinstance(started, str):
        if create.stream:
            return _sse(request, started, -1)
        return _json(await db.run(_object, principal, started))
    if create.stream:
        return _sse(request, started.response_id, -1, started)
    return await _whole(request, started)


@door(Act.READ)
async def retrieve_response(request: Request, principal: Principal) -> HttpResponse:
    """`GET /responses/{id}`, and with `stream=true` its events after `starting_after`."""
    found = await db.run(lookup.response, principal, request.path_params["response_id"])
    if request.query_params.get("stream") == "true":
        return _sse(request, found.pk, _starting_after(request))
    return _json(await db.run(envelope.stored_object, found))


@door(Act.CHAT)
async def delete_response(request: Request, principal: Principal) -> HttpResponse:
    """`DELETE /responses/{id}`: what was said is gone; later responses of the chain keep their own items."""
    response_id = request.path_params["response_id"]
    await stopping.stop(principal, response_id)
    await db.run(_delete, principal, response_id)
    return _json({"id": response_id, "object": "response", "deleted": True})


@door(Act.CHAT)
async def cancel_response(request: Request, principal: Principal) -> HttpResponse:
    """`POST /responses/{id}/cancel`, for background responses."""
    found = await db.run(lookup.response, principal, request.path_params["response_id"])
    if found.door != Door.BACKGROUND:
        raise bad_request("Only background responses can be cancelled.", code="not_background")
    await stopping.stop(principal, found.pk)
    return _json(await db.run(_object, principal, found.pk))


@door(Act.READ)
async def list_input_items(request: Request, principal: Principal) -> HttpResponse:
    """`GET /responses/{id}/input_items`, newest first unless `order=asc`."""
    found = await db.run(lookup.response, principal, request.path_params["response_id"])
    return _json(await db.run(_input_page, found, dict(request.query_params)))


@door(Act.READ)
async def list_models(request: Request, principal: Principal) -> HttpResponse:
    """`GET /models`: the workspace's model."""
    try:
        source = await db.run(upstream.for_tenant, principal.tenant)
    except upstream.NoUpstream:
        return _json({"object": "list", "data": []})
    return _json(
        {"object": "list", "data": [{"id": source.model, "object": "model", "created": 0, "owned_by": "upstream"}]}
    )


async def unknown_route(request: Request) -> HttpResponse:
    error = ApiError(404, "There is no such route.", code="unknown_route")
    return _json(error.as_body(), error.status)


routes = [
    Route("/responses", create_response, methods=["POST"]),
    Route("/responses/{response_id}", retrieve_response, methods=["GET"]),
    Route("/responses/{response_id}", delete_response, methods=["DELETE"]),
    Route("/responses/{response_id}/cancel", cancel_response, methods=["POST"]),
    Route("/responses/{response_id}/input_items", list_input_items, methods=["GET"]),
    Route("/models", list_models, methods=["GET"]),
    Route("/{rest:path}", unknown_route, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]


async def _principal(request: Request, act: Act) -> Principal:
    headers = request.headers.getlist("authorization")
    if len(headers) != 1:
        raise _unauthenticated()
    try:
        return await db.run(access.for_bearer, headers[0], act)
    except access.Unauthenticated:
        raise _unauthenticated() from None
    except PermissionDenied as denied:
        raise ApiError(403, str(denied), code="insufficient_permissions") from None


def _unauthenticated() -> ApiError:
    message = "No valid API key. Send it as 'Authorization: Bearer KEY'."
    return ApiError(401, message, code="invalid_api_key", headers={"www-authenticate": "Bearer"})


async def _body(request: Request) -> Any:
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise ApiError(413, "The body is larger than 32 MiB.", code="body_too_large")
            chunks.append(chunk)
    except ClientDisconnect:
        raise bad_request("The body broke off.") from None
    try:
        return orjson.loads(b"".join(chunks))
    except orjson.JSONDecodeError:
        raise bad_request("The body is not valid JSON.", code="invalid_json") from None


async def _whole(request: Request, turn: Turn) -> HttpResponse:
    """Wait for the ending event and answer with its response."""
    async with readers.reading(turn):
        ending = await _until_gone(request, _ending(turn))
    if turn.failure is not None:
        headers = {}
        if turn.failure.retry_after is not None:
            headers["retry-after"] = str(int(turn.failure.retry_after + 0.999))
        return _json({"error": turn.failure.as_error()}, turn.failure.status, headers)
    if ending is None:
        raise ApiError(500, "Something went wrong on this server. Try again.", code="server_error")
    return _json(ending.event()["response"])


async def _ending(turn: Turn) -> Frame | None:
    last: Frame | None = None
    with contextlib.suppress(Gone):
        async for batch in events.follow(turn.response_id, -1, lambda _: turn.log):
            last = batch[-1]
    return last if last is not None and last.ends else None


async def _until_gone(request: Request, work: Awaitable[Frame | None]) -> Frame | None:
    """Wait for `work`, but no longer than the client does, nor than its key lives."""
    waiting = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_watch(request))
    try:
        await asyncio.wait((waiting, watch), return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        waiting.cancel()
        watch.cancel()


async def _watch(request: Request) -> None:
    """Returns when the client has gone or may not read any more."""
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        while not gone.done():
            await asyncio.wait((gone,), timeout=RECHECK_SECONDS)
            try:
                await _principal(request, Act.READ)
            except ApiError:
                return
    finally:
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _sse(request: Request, response_id: str, after: int, turn: Turn | None = None) -> HttpResponse:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        _frames(request, response_id, after, turn), media_type="text/event-stream", headers=headers
    )


async def _frames(request: Request, response_id: str, after: int, turn: Turn | None) -> AsyncIterator[bytes]:
    host = hosting.here()
    watch = asyncio.ensure_future(_recheck(request, asyncio.current_task()))
    try:
        async with readers.reading(turn):
            async for batch in events.follow(response_id, after, host.find):
                yield b"".join([frame.sse() for frame in batch])
    except Gone:
        ended = await db.run(_ended, response_id)
        if ended is not None:
            yield ended.sse()
    finally:
        watch.cancel()


async def _recheck(request: Request, reader: "asyncio.Task[Any] | None") -> None:
    while True:
        await asyncio.sleep(RECHECK_SECONDS)
        try:
            await _principal(request, Act.READ)
        except ApiError:
            if reader is not None:
                reader.cancel()
            return


def _ended(response_id: str) -> Frame | None:
    """The ending event of a response whose log is gone, at its stored last number."""
    row = Response.objects.filter(pk=response_id).first()
    if row is None:
        return None
    kind = f"response.{row.status}"
    event = {"type": kind, "response": envelope.stored_object(row), "sequence_number": row.last_seq}
    return Frame(row.last_seq, kind, orjson.dumps(event))


def _object(principal: Principal, response_id: str) -> dict[str, Any]:
    return envelope.stored_object(lookup.response(principal, response_id))


def _delete(principal: Principal, response_id: str) -> None:
    lookup.response(principal, response_id).delete()


def _input_page(found: Response, query: dict[str, str]) -> dict[str, Any]:
    try:
        limit = min(100, max(1, int(query.get("limit", "20"))))
    except ValueError:
        raise bad_request("'limit' must be a whole number.", "limit") from None
    bodies = [item.body for item in lookup.input_items(found)]
    if query.get("order") != "asc":
        bodies.reverse()
    if after := query.get("after"):
        places = [place for place, body in enumerate(bodies) if body["id"] == after]
        if not places:
            raise bad_request("'after' names no item of this response.", "after")
        bodies = bodies[places[0] + 1 :]
    page = bodies[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(bodies) > limit,
    }


def _starting_after(request: Request) -> int:
    value = request.query_params.get("starting_after", "-1")
    try:
        return int(value)
    except ValueError:
        raise bad_request("'starting_after' must be a whole number.", "starting_after") from None


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(
        orjson.dumps(body), status, {"cache-control": "no-store", **(headers or {})}, "application/json"
    )
