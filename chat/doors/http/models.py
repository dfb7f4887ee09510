"""`/models`: what a workspace's upstream lists, and the model that it uses when a request names none."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response as HttpResponse

from chat.doors.http.door import answer, door
from chat.errors import ApiError
from chat.providers import client, upstream
from chat.providers.errors import ProviderError
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
    try:
        source = await db.run(upstream.for_tenant, principal.tenant)
    except upstream.NoUpstream:
        return []
    try:
        listed = await client.models(source)
    except ProviderError:
        listed = []  # many servers have no list
    return sorted({*listed, *([source.model] if source.model else [])})


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "upstream"}
