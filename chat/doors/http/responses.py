"""`/responses`: create as JSON or as server-sent events, retrieve, resume, delete, cancel, list the input."""

import asyncio
import time
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response as HttpResponse

from chat import deletion, envelope, events, lookup, params, retelling, stopping
from chat.doors import readers, starting
from chat.doors.http.door import (
    MAX_BODY_BYTES,
    RECHECK_SECONDS,
    answer,
    answered,
    authenticated,
    credentials,
    door,
    included,
    json_body,
    page,
    principal_of,
)
from chat.doors.http.event_stream import EventStream
from chat.envelope import body_of, with_status
from chat.errors import ApiError, bad_request
from chat.events import Frame, Gone
from chat.models import Door, Response
from chat.models.response import ENDED
from chat.turn import Turn
from deny_web import db
from tenants.access import Act, Principal

SMALL_BODY_BYTES = 1024 * 1024  # what a stranger may make us read
CANCEL_SECONDS = 3.0  # a living host hears of it within milliseconds


@answered
async def create_response(request: Request) -> HttpResponse:
    """`POST /responses`. A small body is read first, so that asking who calls and acting share one way to a thread."""
    ask = partial(principal_of, credentials(request), Act.CHAT, request.scope)
    if int(request.headers.get("content-length") or MAX_BODY_BYTES) > SMALL_BODY_BYTES:
        await db.run(ask)
    create = params.parse(await json_body(request))
    started = await starting.start(ask, create, Door.API, muted=not create.stream)
    if isinstance(started, str):
        if create.stream:
            return _sse(request, started, -1, told=create.told)
        return answer(await db.run(lambda: _object(ask(), started)), headers=create.told)
    if create.stream:
        return _sse(request, started.response_id, -1, started, told=create.told)
    return await _whole(request, started, create.told)


@door(Act.READ)
async def retrieve_response(request: Request, principal: Principal) -> HttpResponse:
    """`GET /responses/{id}`, and with `stream=true` its events after `starting_after`."""
    found = await db.run(lookup.response, principal, request.path_params["response_id"])
    if request.query_params.get("stream") == "true":
        return _sse(request, found.pk, _starting_after(request), bare=_is_bare(request))
    return answer(await db.run(envelope.stored_object, found, included(request)))


@door(Act.CHAT)
async def delete_response(request: Request, principal: Principal) -> HttpResponse:
    """`DELETE /responses/{id}`: what was said in it is gone; what came before and after it in the chain is kept."""
    response_id = request.path_params["response_id"]
    await stopping.stop(principal, response_id)
    await db.run(deletion.delete, principal, response_id)
    return answer({"id": response_id, "object": "response", "deleted": True})


@door(Act.CHAT)
async def cancel_response(request: Request, principal: Principal) -> HttpResponse:
    """`POST /responses/{id}/cancel`, for background responses."""
    found = await db.run(lookup.response, principal, request.path_params["response_id"])
    if found.door != Door.BACKGROUND:
        raise bad_request("Only background responses can be cancelled.", code="not_background")
    await stopping.stop(principal, found.pk)
    return answer(await _after_stop(principal, found.pk))


@door(Act.READ)
async def list_input_items(request: Request, principal: Principal) -> HttpResponse:
    """`GET /responses/{id}/input_items`, newest first unless `order=asc`."""
    found = await db.run(lookup.response, principal, request.path_params["response_id"])
    include = included(request)
    bodies = await db.run(lambda: [with_status(body_of(item, include)) for item in lookup.input_items(found)])
    return answer(page(bodies, dict(request.query_params)))


async def _after_stop(principal: Principal, response_id: str) -> dict[str, Any]:
    """The response once its host has ended it; as it stands where that takes long, for a host that is gone."""
    deadline = time.monotonic() + CANCEL_SECONDS
    while True:
        found = await db.run(lookup.response, principal, response_id)
        if found.status in ENDED or time.monotonic() > deadline:
            return await db.run(envelope.stored_object, found)
        await asyncio.sleep(0.05)


async def _whole(request: Request, turn: Turn, told: dict[str, str]) -> HttpResponse:
    """Wait for the ending and answer with its response; no longer than the client does, nor than its key lives."""
    work = cast("asyncio.Task[None]", turn.task)
    async with readers.reading(turn):
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            while not work.done() and not gone.done():
                await asyncio.wait((work, gone), timeout=RECHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    await authenticated(request, Act.READ)
        finally:
            gone.cancel()
    if turn.failure is not None:
        headers = dict(told)
        if turn.failure.retry_after is not None:
            headers["retry-after"] = str(int(turn.failure.retry_after + 0.999))
        return answer({"error": turn.failure.as_error()}, turn.failure.status, headers)
    if not turn.log.ended or turn.ended is None:
        raise ApiError(500, "Something went wrong on this server. Try again.", code="server_error")
    return answer(turn.ended, headers=told)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _sse(
    request: Request,
    response_id: str,
    after: int,
    turn: Turn | None = None,
    *,
    told: dict[str, str] | None = None,
    bare: bool = False,
) -> HttpResponse:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no", **(told or {})}
    frames = _frames(response_id, after, turn, bare)
    return EventStream(frames, headers, lambda: authenticated(request, Act.READ))


async def _frames(response_id: str, after: int, turn: Turn | None, bare: bool) -> AsyncGenerator[bytes, None]:
    try:
        async with readers.reading(turn):
            async for batch in events.follow(response_id, after, readers.finder(turn)):
                after = batch[-1].number
                yield b"".join([(frame.bare() if bare else frame).sse() for frame in batch])
    except Gone:
        frames = await db.run(_retold, response_id, after)
        yield b"".join([frame.sse() for frame in frames])


def _retold(response_id: str, after: int) -> list[Frame]:
    """A response whose log is gone: the ending event, and for a reader who has seen nothing what came before it too.

    Nothing for a reader who has seen the ending. Its number is the same for all, so that nobody sees one twice.
    """
    row = Response.objects.filter(pk=response_id).first()
    if row is None:
        return []
    response = envelope.stored_object(row)
    told = list(retelling.events(response))
    number = max(row.last_seq, len(told))
    if after >= number:
        return []
    ending: dict[str, Any] = {"type": envelope.ending(row.status), "response": response, "sequence_number": number}
    rest = [*told, ending] if after < 0 else [ending]
    return [Frame(event["sequence_number"], event["type"], orjson.dumps(event)) for event in rest]


def _object(principal: Principal, response_id: str) -> dict[str, Any]:
    return envelope.stored_object(lookup.response(principal, response_id))


def _is_bare(request: Request) -> bool:
    """Whether a reader wants the deltas without what pads them. Raises ApiError 400."""
    value = request.query_params.get("include_obfuscation", "true")
    if value not in ("true", "false"):
        raise bad_request("'include_obfuscation' must be true or false.", "include_obfuscation")
    return value == "false"


def _starting_after(request: Request) -> int:
    value = request.query_params.get("starting_after", "-1")
    try:
        after = int(value)
    except ValueError:
        after = -2
    if not -1 <= after <= events.LAST_NUMBER:
        raise bad_request("'starting_after' must be a whole number.", "starting_after")
    return after
