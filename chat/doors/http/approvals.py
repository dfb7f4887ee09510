"""`/responses/{id}/approvals`: decide a tool call that a background response waits for.

Not one of OpenAI's routes: there a response that asks has ended, and the next request answers. One that has ended here
is answered in the same way; a background response waits instead.
"""

from starlette.requests import Request
from starlette.responses import Response as HttpResponse

from chat import approvals, envelope, lookup, params
from chat.doors.http.door import answer, door, json_object
from chat.errors import not_found
from deny_web import db
from tenants.access import Act, Principal


@door(Act.CHAT)
async def decide(request: Request, principal: Principal) -> HttpResponse:
    """`POST /responses/{id}/approvals` with `approval_request_id`, `approve` and perhaps `reason`."""
    wanted, approve, reason = params.approval(await json_object(request))
    response_id = request.path_params["response_id"]
    return answer(await db.run(_decide, principal, response_id, wanted, approve, reason))


def _decide(principal: Principal, response_id: str, wanted: str, approve: bool, reason: str) -> dict[str, object]:
    found = lookup.response(principal, response_id)
    if not found.tool_calls.filter(item_id=approvals.call_item_id(wanted)).exists():
        raise not_found("Approval request")
    return envelope.stored_object(approvals.decide(principal, wanted, approve, reason))
