"""This app's own console sections, overview lines and onboarding step."""

from deny_web import recent
from tenants import console, onboarding
from tenants.access import Act
from tenants.console import Section, Todo
from tenants.models import ApiKey, Membership, Tenant, User
from tenants.onboarding import Step


def register_all() -> None:
    for model in (ApiKey, Membership, User):
        recent.watch(model._meta.db_table)
    recent.watch(Tenant._meta.db_table, but=("audit_head",))  # moved by every audited act, and part of no answer
    people, usage = "People and access", "Usage and audit"
    console.register(Section("members", "Members", people, "users", "members", Act.READ, 210))
    console.register(Section("keys", "API keys", people, "key-round", "keys", Act.KEYS_WRITE, 220))
    console.register(Section("webhooks", "Webhooks", people, "send", "webhooks", Act.WEBHOOKS_WRITE, 230))
    console.register(Section("settings", "Workspace", people, "settings", "settings", Act.TENANT_WRITE, 290))
    console.register(Section("usage", "Usage", usage, "chart-column", "usage", Act.READ, 310))
    console.register(Section("spend", "Spend", usage, "wallet", "spend", Act.SPEND_WRITE, 320))
    console.register(Section("audit", "Audit", usage, "scroll-text", "audit", Act.AUDIT_READ, 390))
    console.register_todo(Todo("members", 50, _members_missing, optional=True))
    console.register_todo(Todo("keys", 60, _keys_missing, optional=True))
    onboarding.register(Step("workspace", "Name the workspace", 10, "start_workspace", lambda tenant: True))


def _members_missing(tenant: Tenant) -> str | None:
    return None if tenant.memberships.count() > 1 else "You are alone here. Invite the people you work with."


def _keys_missing(tenant: Tenant) -> str | None:
    return None if tenant.api_keys.filter(revoked_at=None).exists() else "Make a key to use this workspace from code."
