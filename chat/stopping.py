"""Stopping a turn: written down first, so that it holds even if its host does not hear the bell."""

from django.db import transaction
from django.utils import timezone

from chat import approvals, bells, hosting, lookup
from chat.errors import not_found
from chat.models import Response
from chat.models.response import ENDED
from deny_web import db
from tenants.access import Principal


async def stop(principal: Principal, response_id: str) -> Response:
    """Ask a response's host to end it. Stopping one that has ended changes nothing. Raises ApiError 404."""
    found, bell = await db.run(_request, principal, response_id)
    turn = hosting.here().turns.get(response_id)
    if turn is not None:
        turn.stop("stopped")
    elif bell:
        await bells.send(bell, response_id, kind="stop")
    return found


def _request(principal: Principal, response_id: str) -> tuple[Response, str | None]:
    with transaction.atomic():
        rows = lookup.responses(principal).select_for_update(of=("self",))
        found = rows.filter(pk=response_id, stored=True).first()
        if found is None:
            raise not_found()
        if found.status in ENDED:
            return found, None
        found.stop_requested_at = timezone.now()
        found.save(update_fields=["stop_requested_at"])
        if found.wait_reason == approvals.WAITS:
            approvals.release(found.pk)  # nobody hosts it: a host takes it up to end it
    return found, found.host.bell if found.host else None
