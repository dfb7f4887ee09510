"""The demo's ASGI app: ``uvicorn chat.demo.app:application`` on a loopback port.

The environment's DEMO_WORD_DELAY is the time between two words of a streamed answer, in seconds; 0.02 if not set.
"""

import asyncio
import json
import math
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from chat.demo import model, request
from chat.demo.invoices import Invoices
from chat.demo.stream import encoded, events, sse

Json = dict[str, Any]

MODEL = "offline-demo"
_LARGEST_BODY = 32 * 1024 * 1024
_LONGEST_STREAM = 20.0
_STARTED = int(time.time())


def create_application(word_delay: float = 0.02) -> Starlette:
    """The app; `word_delay` is in seconds. An answer of very many words streams faster, to end within 20 s."""

    async def responses(http: Request) -> Response:
        body = await _json(http)
        asked = request.parse(body)
        answer = model.respond(asked)
        if not asked.stream:
            return Response(encoded(answer), media_type="application/json")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(_stream(answer, word_delay), media_type="text/event-stream", headers=headers)

    return Starlette(
        routes=[
            Route("/v1/responses", responses, methods=["POST"]),
            Route("/v1/models", _models, methods=["GET"]),
            Route("/v1/models/{name:path}", _models, methods=["GET"]),
            *Invoices().routes(),
            Route("/healthz", _health, methods=["GET"]),
        ],
        # Not because it guards anything: a web page must not make a name of its own point here and read the answers.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False)],
        exception_handlers={request.BadRequest: _bad_request, HTTPException: _http_error},
    )


async def _stream(answer: Json, word_delay: float) -> AsyncIterator[bytes]:
    told = list(events(answer))
    deltas = sum(event["type"].endswith(".delta") for event in told)
    pause = min(word_delay, _LONGEST_STREAM / deltas) if deltas else 0.0
    for event in told:
        yield sse(event)
        if pause and event["type"].endswith(".delta"):
            await asyncio.sleep(pause)


async def _json(http: Request) -> Any:
    received = bytearray()
    async for chunk in http.stream():
        received += chunk
        if len(received) > _LARGEST_BODY:
            raise HTTPException(413, "The body is too large.")
    try:
        return json.loads(received, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise request.BadRequest("The body is not valid JSON.", code="invalid_json") from None


def _refuse(_name: str) -> float:
    raise ValueError


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError
    return number


async def _models(http: Request) -> Response:
    name = http.path_params.get("name")
    entry = {"id": name or MODEL, "object": "model", "created": _STARTED, "owned_by": "deny_web (offline demo)"}
    return JSONResponse(entry if name else {"object": "list", "data": [entry]})


async def _health(_http: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _bad_request(_http: Request, error: Exception) -> Response:
    assert isinstance(error, request.BadRequest)  # noqa: S101 -- how starlette types its handlers
    return _error(400, error.message, error.param, error.code)


async def _http_error(_http: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 -- how starlette types its handlers
    return _error(error.status_code, error.detail)


def _error(status: int, message: str, param: str | None = None, code: str | None = None) -> Response:
    told = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return JSONResponse({"error": told}, status_code=status)


application = create_application(float(os.environ.get("DEMO_WORD_DELAY") or 0.02))
