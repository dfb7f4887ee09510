"""Budgets that parallel requests cannot pass.

What a response may cost is reserved before it begins, in the transaction that creates it, by an `UPDATE` whose WHERE
says that it still fits: two requests that both read "enough" cannot both take it. While a response runs, the sum of
what is spent and reserved stays within the amount. At its end the reservation becomes what it cost.

A response counts in the period in which it ends; what runs over midnight stays reserved in the new period.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import BigIntegerField, Case, DateField, F, Q, Value, When
from django.db.models.functions import Greatest
from django.utils import timezone

from tenants import money
from tenants.access import Principal
from tenants.models import Budget, Reservation

_NUMBER = BigIntegerField()


@dataclass(frozen=True, slots=True)
class Amount:
    """What something costs, in both of the units that a budget may have. No `nano`: its model has no price."""

    nano: int | None
    tokens: int

    def of(self, unit: str) -> int:
        return self.tokens if unit == Budget.Unit.TOKENS else self.nano or 0


class Exhausted(Exception):
    """A budget has not enough left. Its sentence says whose it is and who can raise it."""

    def __init__(self, budget: Budget) -> None:
        self.sentence = (
            f"{_whose(budget)} budget of {shown(budget, budget.amount)}{_period(budget)} has not enough left for this "
            "request. An owner or an admin of the workspace can raise it under Spend."
        )
        super().__init__(self.sentence)


def applying(tenant_id: uuid.UUID, user_id: int | None, api_key_id: int | None) -> list[Budget]:
    """The budgets that a request of this person or key counts in, in the order in which they are locked."""
    whose = Q(api_key__isnull=True, user__isnull=True)
    if api_key_id is not None:
        whose |= Q(api_key=api_key_id)
    if user_id is not None:
        whose |= Q(user=user_id)
    return list(Budget.objects.for_tenant(tenant_id).filter(whose).order_by("pk"))


def reserve(principal: Principal, response_id: str, host_id: str, amount: Amount) -> bool:
    """Reserve for a response in the caller's transaction; False where no budget holds for it.

    Raises:
        Exhausted: one has not enough left; the caller's transaction is to be rolled back.
    """
    tenant = principal.tenant
    found = applying(
        tenant.pk, principal.user.pk if principal.user else None, principal.api_key.pk if principal.api_key else None
    )
    now = timezone.now()
    for budget in found:
        _take(budget, amount.of(budget.unit), now)
    Reservation.objects.bulk_create(
        Reservation(
            tenant_id=tenant.pk,
            budget=budget,
            response_id=response_id,
            host_id=host_id,
            amount=amount.of(budget.unit),
        )
        for budget in found
    )
    return bool(found)


def extend(tenant_id: uuid.UUID, response_id: str, amount: Amount) -> None:
    """Raise what a response holds to `amount`, where it holds less; all of its budgets or none. Can be repeated.

    Raises:
        Exhausted: one has not enough left.
    """
    now = timezone.now()
    with transaction.atomic():
        for row in _held(tenant_id, response_id):
            more = amount.of(row.budget.unit) - row.amount
            if more > 0:
                _take(row.budget, more, now)
                Reservation.objects.filter(pk=row.pk).update(amount=F("amount") + more)


def settle(tenant_id: uuid.UUID, response_id: str, amount: Amount | None) -> None:
    """A response has ended: what it held becomes what it cost; without an `amount`, all that it held. Can be repeated.

    In the caller's transaction, if there is one.
    """
    now = timezone.now()
    with transaction.atomic():
        for row in _held(tenant_id, response_id):
            # Whoever deletes the row settles: a host and the sweep that took it for dead do not both charge.
            if Reservation.objects.filter(pk=row.pk).delete()[0]:
                spent = row.amount if amount is None else amount.of(row.budget.unit)
                start = row.budget.start(now)
                Budget.objects.filter(pk=row.budget_id).update(
                    reserved=Greatest(F("reserved") - row.amount, Value(0), output_field=_NUMBER),
                    spent=_spent(start) + spent,
                    period_start=_later(start),
                )


def _held(tenant_id: uuid.UUID, response_id: str) -> Sequence[Reservation]:
    """What a response holds, locked in the order of the budgets, as everywhere: two at once cannot lock each other out.

    The amounts are read under the lock, or two acts at once would reckon with the same one.
    """
    rows = Reservation.objects.for_tenant(tenant_id).filter(response_id=response_id)
    ids = list(rows.values_list("budget_id", flat=True))
    if not ids:
        return []
    list(Budget.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
    return list(rows.select_related("budget").order_by("budget_id"))


def _take(budget: Budget, wanted: int, now: datetime) -> None:
    start = budget.start(now)
    is_new = Q(period_start__lt=start)
    fits = (is_new & Q(amount__gte=F("reserved") + wanted)) | (
        ~is_new & Q(amount__gte=F("spent") + F("reserved") + wanted)
    )
    taken = Budget.objects.filter(fits, pk=budget.pk).update(
        reserved=F("reserved") + wanted, spent=_spent(start), period_start=_later(start)
    )
    if not taken:
        raise Exhausted(budget)


def _spent(start: object) -> Case:
    return Case(When(period_start__lt=start, then=Value(0)), default=F("spent"), output_field=_NUMBER)


def _later(start: object) -> Case:
    """Never back: another process's clock may be in the new period already."""
    return Case(When(period_start__lt=start, then=Value(start)), default=F("period_start"), output_field=DateField())


# --- in words ------------------------------------------------------------------------------------------------------


def shown(budget: Budget, amount: int) -> str:
    """An amount of a budget as people read it."""
    return f"{amount:,} tokens" if budget.unit == Budget.Unit.TOKENS else money.shown(amount)


def _whose(budget: Budget) -> str:
    if budget.api_key_id is not None:
        return "This key's"
    return "Your own" if budget.user_id is not None else "The workspace's"


def _period(budget: Budget) -> str:
    return {"day": " a day", "month": " a month"}.get(budget.period, "")
