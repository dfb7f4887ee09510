"""Deleting a response out of its tree: what was said in it goes, what was said before and after it stays."""

from django.db import transaction

from chat import lookup
from chat.models import Conversation, Response
from tenants.access import Principal
from tenants.models import Tenant


def delete(principal: Principal, response_id: str) -> None:
    """The response and its items go; its children, and the conversation that it ends, go on from its parent.

    Raises ApiError 404.
    """
    with transaction.atomic():
        # One at a time in a workspace: of two neighbours deleted at once, the one's child would be given to the other,
        # which is gone. Creates are not held up by it.
        Tenant.objects.select_for_update(no_key=True).get(pk=principal.tenant.pk)
        row = lookup.response(principal, response_id)
        # Whoever continues it meanwhile is refused at their commit, rather than left without what came before.
        Response.objects.select_for_update().filter(pk=row.pk).first()
        row.children.update(parent=row.parent_id)
        Conversation.objects.filter(leaf=row).update(leaf=row.parent_id)
        row.delete()
