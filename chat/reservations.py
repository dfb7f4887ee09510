"""What turns without a host held of budgets: a crash must neither give budget away nor keep it for ever."""

from datetime import timedelta

from django.utils import timezone

from chat.hosting import DEAD_AFTER
from chat.models import Host, Response
from tenants import budgets
from tenants.models import Reservation

_LEFT_BEHIND = timedelta(minutes=1)
_A_SWEEP = 1000


def settle_left() -> None:
    """Beat's round: charge what was reserved for responses that ended without settling.

    Nobody knows what the upstream counted for a request whose host was killed under it, so all that was reserved is
    charged. A response that has no row, since it stores nothing or was deleted, lives as long as its host.
    """
    now = timezone.now()
    old = Reservation.objects.filter(created_at__lt=now - _LEFT_BEHIND).order_by("created_at")
    held = {row.response_id: row for row in old[:_A_SWEEP]}
    if not held:
        return
    ended = dict(Response.objects.filter(pk__in=held).values_list("pk", "ended_at"))
    living = set(Host.objects.filter(heartbeat_at__gte=now - DEAD_AFTER).values_list("pk", flat=True))
    for response_id, row in held.items():
        if response_id in ended:
            at = ended[response_id]
            left = at is not None and at < now - _LEFT_BEHIND
        else:
            left = row.host_id not in living
        if left:
            budgets.settle(row.tenant_id, response_id, None)
