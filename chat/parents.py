"""Which response another one continues."""

from chat import approvals, lookup
from chat.errors import ApiError, bad_request
from chat.models import Conversation, Response
from chat.models.response import ENDED
from chat.params import Create
from tenants.access import Principal


def of(principal: Principal, create: Create, conversation: Conversation | None = None) -> Response | None:
    """The response that a create continues. Raises ApiError: the same for a foreign id and one that never was."""
    if create.previous_response_id is None:
        return conversation.leaf if conversation else None
    found = lookup.parent(principal, create.previous_response_id)
    if found is None or (conversation is not None and found.conversation_id != conversation.pk):
        raise unknown()
    if found.status not in ENDED:
        sentence = "The previous response has not ended yet."
        if found.wait_reason == approvals.WAITS:
            sentence = "The previous response waits for a decision on a tool call. Decide it, or cancel the response."
        raise ApiError(409, sentence, code="response_in_progress")
    return found


def unknown() -> ApiError:
    """What every id that is not there gets, whyever it is not."""
    return bad_request("The previous response was not found.", "previous_response_id", "previous_response_not_found")
