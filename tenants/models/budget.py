"""What may be spent: a budget, and what turns that are under way hold of it."""

from datetime import UTC, date, datetime

from django.db import models

from tenants.models.api_key import ApiKey
from tenants.models.tenant import Tenant, TenantQuerySet
from tenants.models.user import User

_BEGINNING = date(1970, 1, 1)


class Budget(models.Model):
    """An amount that a workspace, one of its keys or one of its members may spend in a period (UTC) or altogether.

    `amount`, `spent` and `reserved` are in billionths of a dollar, or in tokens. `spent` is of the period that began at
    `period_start`, which may be over: ask `spent_at`. `tenants.budgets` moves the numbers, by compare-and-set.
    """

    class Period(models.TextChoices):
        DAY = "day", "A day"
        MONTH = "month", "A month"
        TOTAL = "total", "Altogether"

    class Unit(models.TextChoices):
        USD = "usd", "US dollars"
        TOKENS = "tokens", "Tokens"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="budgets")
    # Neither: the workspace's own. A member's counts what they do in the chat and what their keys do.
    api_key = models.ForeignKey(ApiKey, models.CASCADE, null=True, blank=True, related_name="budgets")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="budgets")
    unit = models.CharField(max_length=6, choices=Unit.choices, default=Unit.USD)
    period = models.CharField(max_length=5, choices=Period.choices)
    amount = models.PositiveBigIntegerField()
    spent = models.PositiveBigIntegerField(default=0)
    reserved = models.PositiveBigIntegerField(default=0)
    period_start = models.DateField(default=_BEGINNING)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Budget"].as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(period__in=("day", "month", "total"), unit__in=("usd", "tokens")),
                name="budget_kind_known",
            ),
            models.CheckConstraint(
                condition=models.Q(api_key__isnull=True) | models.Q(user__isnull=True), name="budget_of_one"
            ),
            models.UniqueConstraint(
                fields=("tenant", "unit", "period"),
                condition=models.Q(api_key__isnull=True, user__isnull=True),
                name="budget_once_a_tenant",
            ),
            models.UniqueConstraint(
                fields=("api_key", "unit", "period"),
                condition=models.Q(api_key__isnull=False),
                name="budget_once_a_key",
            ),
            models.UniqueConstraint(
                fields=("tenant", "user", "unit", "period"),
                condition=models.Q(user__isnull=False),
                name="budget_once_a_member",
            ),
        )

    def __str__(self) -> str:
        return f"budget {self.pk} of {self.tenant_id}"

    def start(self, now: datetime) -> date:
        """The first day of the period that `now` is in."""
        today = now.astimezone(UTC).date()
        return {"day": today, "month": today.replace(day=1)}.get(self.period, _BEGINNING)

    def spent_at(self, now: datetime) -> int:
        """What is spent of the period that `now` is in."""
        return self.spent if self.period_start >= self.start(now) else 0


class Reservation(models.Model):
    """What one response holds of one budget until its end. Plain ids: a response that stores nothing has no row."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    budget = models.ForeignKey(Budget, models.CASCADE, related_name="reservations")
    response_id = models.CharField(max_length=64, db_index=True)
    host_id = models.CharField(max_length=64, blank=True)  # who would settle it, where the response has no row
    amount = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Reservation"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("budget", "response_id"), name="reservation_once"),)
        indexes = (models.Index(fields=("created_at",), name="reservation_old"),)

    def __str__(self) -> str:
        return f"{self.response_id} of budget {self.budget_id}"
