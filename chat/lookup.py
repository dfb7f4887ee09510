"""One function resolves an id, and every door calls it: a foreign id and an absent one get the same answer."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from chat.errors import not_found
from chat.models import Conversation, Item, Response
from deny_web.prepared import Query
from tenants.access import Principal
from tenants.models import Tenant, User


def responses(principal: Principal) -> QuerySet[Response]:
    """What this principal may see: a person their own, a key what keys of its workspace made."""
    if principal.api_key is not None:
        return _of_keys(principal.tenant)
    return _of_person(principal.tenant, principal.user)


def parent(principal: Principal, response_id: str) -> Response | None:
    """A stored one of `responses` that another one is to continue, as far as that has to know it."""
    found: Response | None = None
    if principal.api_key is not None:
        found = _PARENT_OF_KEYS.first(principal.tenant.pk, response_id)
    elif principal.user is not None:
        found = _PARENT_OF_PERSON.first(principal.tenant.pk, principal.user.pk, response_id)
    return found


def _of_keys(tenant: Tenant | UUID) -> QuerySet[Response]:
    return Response.objects.for_tenant(tenant).filter(api_key__isnull=False)


def _of_person(tenant: Tenant | UUID, user: User | int | None) -> QuerySet[Response]:
    return Response.objects.for_tenant(tenant).filter(user=user, api_key__isnull=True)


def _parent(rows: QuerySet[Response], response_id: str) -> QuerySet[Response]:
    return rows.filter(pk=response_id, stored=True).only("id", "status", "wait_reason", "conversation_id")


_PARENT_OF_KEYS = Query(lambda tenant, pk: _parent(_of_keys(tenant), pk), UUID, str)
_PARENT_OF_PERSON = Query(lambda tenant, user, pk: _parent(_of_person(tenant, user), pk), UUID, int, str)


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
