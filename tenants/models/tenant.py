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
    max_tokens = models.PositiveIntegerField(default=200_000, validators=[MinValueValidator(1000)])
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
