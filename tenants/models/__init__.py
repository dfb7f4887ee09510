"""Who there is: people, workspaces (tenants), memberships, invitations, API keys, and the audit trail."""

from tenants.models.api_key import ApiKey
from tenants.models.audit_row import AuditRow
from tenants.models.membership import Invitation, Membership, Role
from tenants.models.tenant import Row, Tenant, TenantQuerySet, valid_slug
from tenants.models.user import User, UserManager
from tenants.models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "ApiKey",
    "AuditRow",
    "Invitation",
    "Membership",
    "Role",
    "Row",
    "Tenant",
    "TenantQuerySet",
    "User",
    "UserManager",
    "WebhookDelivery",
    "WebhookEndpoint",
    "valid_slug",
]
