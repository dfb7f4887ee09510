"""One function resolves an id, and every door calls it: a foreign id and an absent one get the same answer."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from chat.errors import not_found
from chat.models import Conversation, Item, Response
from tenants.access import Principal


def responses(principal: Principal) -> QuerySet[Response]:
    """What this principal may see: a person their own, a key what keys of its workspace made."""
    rows = Response.objects.for_tenant(principal.tenant)
    if principal.api_key is not None:
        return rows.filter(api_key__isnull=False)
    return rows.filter(user=principal.user, api_key__isnull=True)


def conversations(principal: Principal) -> QuerySet[Conversation]:
    rows = Conversation.objects.for_tenant(principal.tenant)
    if principal.api_key is not None:
        return rows.filter(created_by__isnull=True)
    return rows.filter(created_by=principal.user)


def response(principal: Principal, response_id: str) -> Response:
    """The stored response. Raises ApiError 404."""
    found = responses(principal).filter(Q(stored=True), pk=_askable(response_id)).first()
    if found is None:
        raise not_found()
    return found


def conversation(principal: Principal, conversation_id: str) -> Conversation:
    """Raises ApiError 404."""
    found = conversations(principal).filter(pk=_askable(conversation_id)).first()
    if found is None:
        raise not_found("Conversation")
    return found


def _askable(wanted: str) -> str:
    """PostgreSQL takes no NUL, which an address can spell. No id has one."""
    return wanted.replace("\0", " ")


def items(principal: Principal) -> QuerySet[Item]:
    """What a reference may name: items of the responses that this principal may see.

    The workspace is asked of the response alone: asked of the item too, SQLite reads all items of the workspace.
    """
    return Item.objects.filter(Exists(responses(principal).filter(pk=OuterRef("response"))))


def input_items(found: Response) -> QuerySet[Item]:
    return found.items.filter(direction=Item.Direction.INPUT).order_by("position")
