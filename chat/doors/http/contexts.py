"""`/responses/compact` and `/responses/input_tokens`: what a request would send up, made shorter or counted."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response as HttpResponse

from chat import (
    accounts,
    compaction,
    comparison,
    context,
    hosting,
    lookup,
    metering,
    narrowing,
    offers,
    params,
    parents,
    planning,
    references,
    tripwires,
)
from chat.doors.http.door import answer, door, json_object
from chat.envelope import cost_of
from chat.errors import bad_request
from chat.params import Create
from chat.providers import client
from chat.providers.errors import ProviderError
from chat.providers.routes import Plan
from deny_web import db, ids
from tenants.access import Act, Principal

_NOT_OF_A_COMPACTION = frozenset(
    {"model", "instructions", "tools", "tool_choice", "parallel_tool_calls", "max_tool_calls", "include"}
)
_BYTES_A_TOKEN = 4  # of English text, for upstreams that cannot count


@door(Act.CHAT)
async def compact(request: Request, principal: Principal) -> HttpResponse:
    """`POST /responses/compact`."""
    body = await json_object(request)
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise bad_request("'model' is required.", "model", "missing_required_parameter")
    create = params.parse(body)
    if not isinstance(body.get("instructions"), str | None):
        raise bad_request("'instructions' must be a string.", "instructions")
    source, history = await db.run(_context, principal, create)
    if not history:
        raise bad_request("There is nothing to compact: give 'input' or 'previous_response_id'.", "input")
    model, host = body["model"], hosting.here()
    await host.start()
    try:
        async with metering.metered(principal, create, model, history, host.id) as account:
            longest = account.answer_tokens if account.reserved else None
            output, usage = await compaction.compact(
                principal.tenant.id, source, history, body.get("instructions"), longest, _more(create)
            )
            account.used = accounts.used(usage)
    except ProviderError as error:
        return answer({"error": error.as_error()}, error.status, create.told)
    made = {"id": ids.new("resp"), "object": "response.compaction", "created_at": int(time.time())}
    return answer({**made, "output": output, "usage": usage, **cost_of(account.cost)}, headers=create.told)


@door(Act.CHAT)
async def count_input_tokens(request: Request, principal: Principal) -> HttpResponse:
    """`POST /responses/input_tokens`: the upstream's count, or an estimate that says so."""
    create = params.parse(await json_object(request))
    source, history = await db.run(_context, principal, create)
    offered = await db.run(offers.asked, principal.tenant, principal.api_key, create.request)
    body = {**params.upstream_parameters(create.request), "input": history}
    body.pop("stream_options", None)  # it counts, and streams nothing
    comparison.put(None, source.first.origin, body)
    body["tools"] = narrowing.tools_up(body["tools"], offered)
    if "tool_choice" in body:
        body["tool_choice"] = narrowing.choice_up(body["tool_choice"], body["tools"], offered, again=False)
    body["model"] = source.first.named(source.model)
    try:
        counted = await client.count_tokens(source.first, body)
    except ProviderError as error:
        return answer({"error": error.as_error()}, error.status)
    if counted is not None:
        return answer({"object": "response.input_tokens", "input_tokens": counted})
    estimate = max(1, sum(map(_length, (history, body.get("instructions"), body["tools"]))) // _BYTES_A_TOKEN)
    return answer({"object": "response.input_tokens", "input_tokens": estimate, "deny_web:estimated": True})


def _context(principal: Principal, create: Create) -> tuple[Plan, list[dict[str, Any]]]:
    source = planning.plan(principal.tenant, create.request.get("model"))
    if create.previous_response_id and create.conversation:
        raise bad_request("Give either 'previous_response_id' or 'conversation'.", "previous_response_id")
    tenant, origin = principal.tenant.id, source.first.origin
    conversation = lookup.conversation(principal, create.conversation) if create.conversation else None
    parent = parents.of(principal, create, conversation)
    comparison.asked(principal, create.request)
    items = references.resolved(principal, create.input)
    if principal.tenant.armed_tripwires:
        tripwires.of_input(principal, create.input, create.request.get("instructions"), detail="API")
    history = context.of_chain(tenant, parent.pk if parent else None, origin) + context.of_items(items, origin=origin)
    return source, context.answered(compaction.opened(tenant, history))


def _more(create: Create) -> dict[str, Any]:
    """What goes up with a compaction as with a create. Its model calls nothing: it is there to tell what was said."""
    asked = params.upstream_parameters(create.request)
    return {key: value for key, value in asked.items() if key not in _NOT_OF_A_COMPACTION and value is not None}


def _length(value: Any) -> int:
    return len(str(value).encode()) if value else 0
