"""What the demo workspace holds: a vault with two passwords, one tool, and the offline model."""

from typing import Any

from chat.demo.accounts import DEMO_KEY_CONTOSO, DEMO_KEY_NORTHWIND
from chat.demo.starters import DEMO_OTHER_PASSWORD, DEMO_PASSWORD
from chat.models import Provider
from chat.providers.actions import set_provider
from chat.tools.actions import load_tools
from tenants import demo
from tenants.access import Principal
from tenants.models import Tenant
from vault import compartments, entries, leases, rolling

LABEL = "stripe-demo"

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
    """Fill the demo workspace when it is made; called once, at start."""
    demo.register_seed(_seed)


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


def _seed(principal: Principal) -> None:
    seed_demo(principal.tenant, actor=principal)
