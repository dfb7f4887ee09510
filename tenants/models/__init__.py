"""Who there is: people, workspaces (tenants), memberships, invitations, API keys, and the audit trail."""

from tenants.models.api_key import ApiKey
from tenants.models.audit_row import AuditRow
from tenants.models.budget import Budget, Reservation
from tenants.models.membership import Invitation, Membership, Role
from tenants.models.price import Price
from tenants.models.tenant import Row, Tenant, TenantQuerySet, valid_slug
from tenants.models.usage import UsageHour
from tenants.models.user import User, UserManager
from tenants.models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "ApiKey",
    "AuditRow",
    "Budget",
    "Invitation",
    "Membership",
    "Price",
    "Reservation",
    "Role",
    "Row",
    "Tenant",
    "TenantQuerySet",
    "UsageHour",
    "User",
    "UserManager",
    "WebhookDelivery",
    "WebhookEndpoint",
    "valid_slug",
]
