"""A workspace, and the one way to the rows that belong to it."""

import uuid
from typing import TypeVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

valid_slug = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z", "Use a-z, 0-9 and hyphens, at most 40 characters."
)


class Tenant(models.Model):
    """A workspace: the border that no id, key or secret crosses."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(max_length=40, unique=True, validators=[valid_slug])
    name = models.CharField(max_length=80)
    demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # Caps of one turn; the engine ends a turn `incomplete` at the first that it meets.
    max_steps = models.PositiveIntegerField(default=16, validators=[MinValueValidator(1), MaxValueValidator(100)])
    max_seconds = models.PositiveIntegerField(default=600, validators=[MinValueValidator(10), MaxValueValidator(7200)])
    # In the background nobody holds a connection open: a long search there may take hours.
    max_background_seconds = models.PositiveIntegerField(
        default=3 * 3600, validators=[MinValueValidator(10), MaxValueValidator(24 * 3600)]
    )
    max_tokens = models.PositiveIntegerField(default=200_000, validators=[MinValueValidator(1000)])
    # Of all keys and people together, a minute; null is no limit. `tenants.limits` keeps the counts.
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    # What lets a request without budgets and prices of its own go without a query for them.
    has_budgets = models.BooleanField(default=False)
    prices_version = models.PositiveIntegerField(default=0)  # raised at each change; 0 is none
    # Under a budget an answer is as long as was reserved for it: this, where its request says nothing.
    answer_tokens = models.PositiveIntegerField(
        default=8192, validators=[MinValueValidator(16), MaxValueValidator(1_000_000)]
    )
    audit_head = models.PositiveBigIntegerField(default=0)
    # How many honeytokens are armed: what lets a request of a workspace without any go without a query for them.
    armed_tripwires = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


Row = TypeVar("Row", bound=models.Model, covariant=True)


class TenantQuerySet(models.QuerySet[Row]):
    """Rows of tenants; `for_tenant` is the only way in for a request."""

    def for_tenant(self, tenant: "Tenant | uuid.UUID") -> "TenantQuerySet[Row]":
        return self.filter(tenant=tenant)
