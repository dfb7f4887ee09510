"""Who there is: people, workspaces (tenants), memberships, invitations, API keys, and the audit trail."""

import uuid
from typing import ClassVar, TypeVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower

valid_slug = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z", "Use a-z, 0-9 and hyphens, at most 40 characters."
)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractUser):
    """A person; the e-mail address is the name."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_ci"),)

    def __str__(self) -> str:
        return self.email


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

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"
    VIEWER = "viewer", "Viewer"


Row = TypeVar("Row", bound=models.Model, covariant=True)


class TenantQuerySet(models.QuerySet[Row]):
    """Rows of tenants; `for_tenant` is the only way in for a request."""

    def for_tenant(self, tenant: "Tenant | uuid.UUID") -> "TenantQuerySet[Row]":
        return self.filter(tenant=tenant)


class Membership(models.Model):
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Membership"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("tenant", "user"), name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} in {self.tenant_id} as {self.role}"


class Invitation(models.Model):
    """A link that lets its holder join; only the token's hash is stored."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=10, choices=Role.choices)
    email = models.EmailField(blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["Invitation"].as_manager()

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_known"),)

    def __str__(self) -> str:
        return f"invitation to {self.tenant_id}"


class ApiKey(models.Model):
    """A key for /v1 and /api; shown once, stored as a hash."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    key_hash = models.CharField(max_length=64)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
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


class AuditRow(models.Model):
    """One act, numbered and chained within its tenant; never changed, never deleted alone."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="audit_rows")
    n = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=300)
    verb = models.CharField(max_length=60)
    subject = models.CharField(max_length=600, blank=True)
    detail = models.JSONField(default=dict)
    key_id = models.PositiveBigIntegerField()
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = TenantQuerySet["AuditRow"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "n"), name="audit_row_once"),)

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.n} {self.verb}"
