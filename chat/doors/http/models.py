"""`/models`: what a workspace's upstreams list and its routes let through, and the names that it gives itself."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response as HttpResponse

from chat.doors.http.door import answer, door
from chat.errors import ApiError
from chat.providers import listing, upstream
from deny_web import db
from tenants.access import Act, Principal


@door(Act.READ)
async def list_models(request: Request, principal: Principal) -> HttpResponse:
    """`GET /models`."""
    return answer({"object": "list", "data": [_model(name) for name in await _names(principal)]})


@door(Act.READ)
async def retrieve_model(request: Request, principal: Principal) -> HttpResponse:
    """`GET /models/{model}`."""
    name = request.path_params["model"]
    if name not in await _names(principal):
        raise ApiError(404, "Model not found.", code="model_not_found", param="model")
    return answer(_model(name))


async def _names(principal: Principal) -> list[str]:
    return await listing.names(await db.run(upstream.routing, principal.tenant))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "upstream"}
