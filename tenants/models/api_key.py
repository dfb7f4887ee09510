"""A key for /v1 and /api."""

from django.core.validators import MinValueValidator
from django.db import models

from tenants.models.membership import Role
from tenants.models.tenant import Tenant, TenantQuerySet
from tenants.models.user import User


class ApiKey(models.Model):
    """A key for /v1 and /api; shown once, stored as a hash."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    key_hash = models.CharField(max_length=64)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    # The names of the workspace's tools that it is offered; null is all of them, those made later included.
    tools = models.JSONField(null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    created_by = models.ForeignKey(User, models.CASCADE, related_name="api_keys")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["ApiKey"].as_manager()

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(role__in=Role.values), name="api_key_role_known"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
