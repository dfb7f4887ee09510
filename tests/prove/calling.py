"""A tool call as a worker runs it: lease, opening, audit row, request; the API behind it is not there."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from chat import ledger
from chat.ledger import ProposedCall
from chat.models import Tool, ToolCall, ToolVersion
from chat.tools import execution, http
from chat.tools.http import Exchange, Outgoing
from tenants.models import Tenant

_HOST = "api.example.com"


@contextmanager
def answered() -> Iterator[None]:
    """Every request is answered, and none leaves the machine."""

    def send(outgoing: Outgoing, **_: Any) -> Exchange:
        outgoing.forget()
        return Exchange(outgoing.method, outgoing.host, outgoing.path, 200, 40, b'{"id": "in_1"}')

    with patch.object(http, "send", send):
        yield


def call(tenant: Tenant, label: str, lease_id: str, call_id: uuid.UUID) -> None:
    """One call of a tool whose credential is under `label`, by the worker's own code.

    Its row is taken out again: a call's outcome tells whether there was a value, which the threat model says, and what
    is asked here is whether anything else does.
    """
    proposed = ProposedCall(str(call_id), "", f"use_{label}".replace("-", "_"), '{"id": "in_1"}', None)
    row = ledger.born(tenant.pk, proposed, _version(tenant, proposed.name, label), lease_id)
    row.pk = call_id  # the trail names it: the same one in both worlds
    row.save(force_insert=True)
    execution.run(call_id)
    ToolCall.objects.filter(pk=call_id).delete()


def _version(tenant: Tenant, name: str, label: str) -> ToolVersion:
    found = ToolVersion.objects.for_tenant(tenant).filter(tool__name=name).first()
    if found:
        return found
    definition = {
        "name": name,
        "description": "Look up an invoice",
        "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        "request": {"method": "GET", "url": f"https://{_HOST}/v1/invoices/{{id}}", "timeout": 5, "idempotent": True},
        "credential": {"label": label, "in": "bearer"},
        "result": "{id: id}",
        "approval": "auto",
    }
    tool = Tool.objects.create(tenant=tenant, name=name)
    return ToolVersion.objects.create(tenant=tenant, tool=tool, n=1, definition=definition)
