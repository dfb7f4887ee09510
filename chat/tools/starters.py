"""Tools to begin with: definitions in the tool file's shape, for the console and the first steps."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Starter:
    """`credential_hint` says where a person gets the credential; `args` fill "try it"."""

    slug: str
    title: str
    text: str
    icon: str
    definition: dict[str, Any]
    credential_hint: str
    args: dict[str, Any]
    demo: bool = False

    @property
    def label(self) -> str:
        """The vault label that the definition names."""
        return str(self.definition["credential"]["label"])

    @property
    def text_of_definition(self) -> str:
        return json.dumps(self.definition, indent=2, ensure_ascii=False)


def _schema(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object whose properties are all required."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _text(description: str) -> dict[str, str]:
    return {"type": "string", "description": description}


DEMO_INVOICE = Starter(
    "demo-invoice",
    "Demo invoice",
    "Looks up an invoice in the offline demo. Nothing leaves this machine.",
    "receipt-text",
    {
        "name": "get_invoice",
        "description": "Look up a Stripe invoice by its id, such as in_1Abc123: the amount due and the status",
        "parameters": _schema(id=_text("The invoice's id, beginning with in_")),
        "request": {"method": "GET", "url": "demo:/v1/invoices/{id}", "timeout": 10, "idempotent": True},
        "credential": {"label": "stripe-demo", "in": "bearer"},
        "result": "{id: id, amount_due: amount_due, currency: currency, status: status}",
        "approval": "auto",
    },
    "The demo's key; it is filled in for you.",
    {"id": "in_1Abc123"},
    demo=True,
)
STRIPE_INVOICE = Starter(
    "stripe-invoice",
    "Stripe invoice",
    "Looks up one invoice. The model sees its amount and state, nothing of the customer.",
    "receipt-text",
    {
        "name": "get_stripe_invoice",
        "description": "Look up a Stripe invoice by id: amount due in the currency's smallest unit, and status.",
        "parameters": _schema(id=_text("The invoice's id, beginning with in_")),
        "request": {
            "method": "GET",
            "url": "https://api.stripe.com/v1/invoices/{id}",
            "timeout": 10,
            "idempotent": True,
        },
        "credential": {"label": "stripe-prod", "in": "bearer"},
        "result": "{id: id, amount_due: amount_due, currency: currency, status: status, due_date: due_date}",
        "approval": "auto",
    },
    "A restricted key (rk_live_…) with read access to invoices, from Stripe's dashboard under Developers, API keys.",
    {"id": "in_1MtHbELkdIwHu7ixl4OzzPMv"},
)
GITHUB_ISSUES = Starter(
    "github-issues",
    "GitHub issues",
    "Lists a repository's issues by number, title and state.",
    "git-branch",
    {
        "name": "list_github_issues",
        "description": "List the newest issues of a GitHub repository.",
        "parameters": {
            "type": "object",
            "properties": {
                "owner": _text("The user or organisation that owns the repository"),
                "repo": _text("The repository's name"),
                "state": {"type": "string", "enum": ["open", "closed", "all"]},
            },
            "required": ["owner", "repo"],
            "additionalProperties": False,
        },
        "request": {
            "method": "GET",
            "url": "https://api.github.com/repos/{owner}/{repo}/issues",
            "query": {"state": "{state}", "per_page": "20"},
            "headers": {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
            "timeout": 15,
            "idempotent": True,
        },
        "credential": {"label": "github", "in": "bearer"},
        "result": "[].{number: number, title: title, state: state, created_at: created_at}",
        "approval": "auto",
    },
    "A fine-grained token with read access to issues, from GitHub's settings under Developer settings.",
    {"owner": "python", "repo": "cpython", "state": "open"},
)
BEARER_GET = Starter(
    "bearer-get",
    "Any API with a bearer key",
    "A GET request with the key in the Authorization header. Change the address, the arguments and the result.",
    "plug",
    {
        "name": "get_item",
        "description": "Say here, for the model, what this looks up.",
        "parameters": _schema(id=_text("The item's id")),
        "request": {
            "method": "GET",
            "url": "https://api.example.com/v1/items/{id}",
            "timeout": 10,
            "idempotent": True,
        },
        "credential": {"label": "example", "in": "bearer"},
        "result": "{id: id, name: name}",
        "approval": "auto",
    },
    "The API's key or token, at least 8 characters.",
    {"id": "1"},
)
STARTERS = (DEMO_INVOICE, STRIPE_INVOICE, GITHUB_ISSUES, BEARER_GET)


def find(slug: str) -> Starter | None:
    return next((starter for starter in STARTERS if starter.slug == slug), None)


def offered(*, demo: bool) -> list[Starter]:
    """The starters that work here; the demo's own only where the demo runs."""
    return [starter for starter in STARTERS if demo or not starter.demo]
