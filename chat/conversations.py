"""Conversations as the API has them: a list of items, which here is a path through the tree of responses.

Items that a client adds without asking for an answer are a node of their own: a response that has input only.
"""

from collections.abc import Container
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat import context, creation, inputs, lookup, references, tool_secrets, tripwires
from chat.envelope import body_of, with_status
from chat.errors import bad_request, not_found
from chat.models import Conversation, Door, Item, Response, Status
from chat.params import check_metadata, input_items
from tenants.access import Principal

MAX_ADDED = 20


def as_object(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.pk,
        "object": "conversation",
        "created_at": int(conversation.created_at.timestamp()),
        "metadata": conversation.metadata,
    }


def create(principal: Principal, body: dict[str, Any]) -> Conversation:
    """A conversation, with its first items if there are any. Raises ApiError."""
    metadata = _metadata(body)
    items = _items(body)
    with transaction.atomic():
        conversation = Conversation.objects.create(
            tenant=principal.tenant,
            created_by=None if principal.api_key else principal.user,
            metadata=metadata,
            changed_at=timezone.now(),
        )
        if items:
            _append(principal, conversation, items)
    return conversation


def update(principal: Principal, conversation_id: str, body: dict[str, Any]) -> Conversation:
    """Replace the metadata. Raises ApiError."""
    conversation = lookup.conversation(principal, conversation_id)
    conversation.metadata = _metadata(body)
    conversation.save(update_fields=["metadata"])
    return conversation


def delete(principal: Principal, conversation_id: str) -> None:
    """The conversation goes, its responses stay retrievable by their ids. Raises ApiError."""
    conversation = lookup.conversation(principal, conversation_id)
    with transaction.atomic():
        Response.objects.for_tenant(principal.tenant).filter(conversation=conversation).update(conversation=None)
        conversation.delete()


def items(principal: Principal, conversation_id: str, include: Container[str] = ()) -> list[dict[str, Any]]:
    """All items on the way to the newest leaf, oldest first. Raises ApiError."""
    return [with_status(body_of(row, include)) for row in _rows(lookup.conversation(principal, conversation_id))]


def item(principal: Principal, conversation_id: str, item_id: str) -> Item:
    """The newest under this id. Raises ApiError 404."""
    for row in reversed(_rows(lookup.conversation(principal, conversation_id))):
        if row.item_id == item_id:
            return row
    raise not_found("Item")


def add_items(principal: Principal, conversation_id: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Add items behind the newest one. Raises ApiError: 409 while an answer is being written."""
    added = _items(body)
    if not added:
        raise bad_request("'items' holds what is to be added.", "items")
    with transaction.atomic():
        conversation = lookup.conversation(principal, conversation_id)
        return [with_status(tool_secrets.without_in(row.body)) for row in _append(principal, conversation, added)]


def delete_item(principal: Principal, conversation_id: str, item_id: str) -> Conversation:
    """Raises ApiError 404."""
    item(principal, conversation_id, item_id).delete()
    return lookup.conversation(principal, conversation_id)


def _rows(conversation: Conversation) -> list[Item]:
    if conversation.leaf_id is None:
        return []
    ids = context.chain_ids(conversation.tenant_id, conversation.leaf_id)
    rows = Item.objects.for_tenant(conversation.tenant_id).filter(response__in=ids, abandoned=False)
    order = {response_id: place for place, response_id in enumerate(ids)}
    return sorted(rows, key=lambda row: (order[row.response_id], row.direction, row.position))


def _append(principal: Principal, conversation: Conversation, added: list[dict[str, Any]]) -> list[Item]:
    if conversation.leaf_id is not None:
        context.chain_ids(conversation.tenant_id, conversation.leaf_id, 1)
    resolved = references.resolved(principal, added)
    node = Response.objects.create(
        tenant=principal.tenant,
        parent=conversation.leaf,
        conversation=conversation,
        user=principal.user,
        api_key=principal.api_key,
        door=Door.API,
        status=Status.COMPLETED,
        request={},
        ended_at=timezone.now(),
    )
    if principal.tenant.armed_tripwires:
        ids_of = {"response_id": node.pk, "conversation_id": conversation.pk}
        tripwires.of_input(principal, added, detail="API", **ids_of)
    free = Conversation.objects.filter(pk=conversation.pk, active__isnull=True)
    if not free.update(leaf=node, changed_at=timezone.now()):
        raise creation.busy(conversation)
    return inputs.stored(node, resolved)


def _metadata(body: dict[str, Any]) -> dict[str, str]:
    check_metadata(body.get("metadata"))
    return body.get("metadata") or {}


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    given = body.get("items")
    if given is not None and not isinstance(given, list):
        raise bad_request("'items' must be a list.", "items")
    if given and len(given) > MAX_ADDED:
        raise bad_request(f"At most {MAX_ADDED} items at a time.", "items")
    return input_items(given, "items")
