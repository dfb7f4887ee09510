"""What the demo workspace holds: a vault with two passwords, one tool, and the offline model."""

import logging
from typing import Any

from chat.demo.accounts import DEMO_KEY_CONTOSO, DEMO_KEY_NORTHWIND
from chat.demo.starters import DEMO_OTHER_PASSWORD, DEMO_PASSWORD
from chat.models import Provider
from chat.providers.actions import set_provider
from chat.tools.actions import load_tools
from tenants import demo
from tenants.access import Principal
from tenants.models import AuditRow, Tenant
from vault import compartments, entries, leases, rolling
from vault.errors import VaultError

LABEL = "stripe-demo"
_log = logging.getLogger(__name__)

TOOL: dict[str, Any] = {
    "name": "get_invoice",
    "description": "Look up a Stripe invoice by its id, such as in_1Abc123: the amount due and the status",
    "parameters": {
        "type": "object",
        "properties": {"id": {"type": "string", "description": "The invoice's id, beginning with in_"}},
        "required": ["id"],
        "additionalProperties": False,
    },
    "request": {"method": "GET", "url": "demo:/v1/invoices/{id}", "timeout": 10, "idempotent": True},
    "credential": {"label": LABEL, "in": "bearer"},
    "result": "{id: id, amount_due: amount_due, currency: currency, status: status}",
    "approval": "auto",
}


def register() -> None:
    """Fill the demo workspace when it is made, and unlock it at later starts; called once, at start."""
    demo.register_seed(_seed)
    demo.register_opener(unlock_again)


def seed_demo(tenant: Tenant, *, actor: Principal) -> None:
    """Make the vault, the tool and the choice of model, and unlock the vault with the first password.

    The two passwords open two accounts' keys under one label, so that one tool answers for either.
    """
    compartments.create(tenant, DEMO_PASSWORD, actor=actor)
    rolling.add_password(tenant, DEMO_OTHER_PASSWORD, [DEMO_PASSWORD], actor=actor)
    entries.put(tenant, LABEL, DEMO_KEY_NORTHWIND.encode(), password=DEMO_PASSWORD, actor=actor)
    entries.put(tenant, LABEL, DEMO_KEY_CONTOSO.encode(), password=DEMO_OTHER_PASSWORD, actor=actor)
    load_tools(tenant, [TOOL], actor=actor)
    set_provider(acting=actor, kind=Provider.Kind.DEMO)
    leases.unlock(tenant, DEMO_PASSWORD, actor=actor)


def unlock_again(tenant: Tenant) -> None:
    """Unlock with the first password, which is public, unless a person locked the vault or it is open.

    Leases live in Valkey alone, so that a restart of the app ends them.
    """
    acts = AuditRow.objects.for_tenant(tenant).filter(verb__in=(leases.UNLOCK, leases.LOCK)).order_by("-n")
    if acts.values_list("verb", flat=True).first() == leases.LOCK:
        return
    try:
        if leases.current(tenant.pk) is None:
            leases.unlock(tenant, DEMO_PASSWORD, actor="operator")
    except VaultError as error:  # somebody changed the demo's password, say; the demo opens locked then
        _log.warning("the demo's vault stays locked: %s", type(error).__name__)


def _seed(principal: Principal) -> None:
    seed_demo(principal.tenant, actor=principal)
