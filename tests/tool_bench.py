"""A workspace with a tool, a credential in its vault, and a response that calls it: what the ledger's tests share."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from chat import ledger
from chat.ledger import ProposedCall
from chat.models import Door, Response, Status, Step, Tool, ToolCall
from chat.tools import actions
from deny_web import ids
from tenants.access import Principal
from tests.cast import Cast
from tests.tool_api import tool
from vault import compartments, entries, leases

PASSWORD = "olive kettle drifting 47 anchors"
KEY = b"sk_live_4eC39HqLyjWDarjtT1zdp7dc"
LABEL = "stripe-prod"


@dataclass
class Bench:
    cast: Cast
    owner: Principal = field(init=False)
    response: Response = field(init=False)
    step: Step = field(init=False)
    lease_id: str = ""

    def __post_init__(self) -> None:
        self.owner = self.cast.owner
        self.response = Response.objects.create(
            tenant=self.cast.acme, door=Door.BROWSER, status=Status.IN_PROGRESS, request={}
        )
        self.step = Step.objects.create(response=self.response, n=0, epoch=1, upstream="test")

    def unlock(self, key: bytes = KEY) -> None:
        """A vault with the credential in it, open for tools."""
        tenant = self.cast.acme
        compartments.create(tenant, PASSWORD, actor=self.owner)
        entries.put(tenant, LABEL, key, password=PASSWORD, actor=self.owner)
        self.lease_id = leases.unlock(tenant, PASSWORD, actor=self.owner).id

    def load(self, url: str, **changes: Any) -> Tool:
        return actions.load_tools(self.cast.acme, [tool(url, **changes)], actor=self.owner)[0]

    def propose(self, made: Tool | None, args: str = '{"id": "in_1"}', *, name: str = "get_invoice") -> ToolCall:
        """One call of the response's step, as a model would make it."""
        call_id = f"call_{uuid.uuid4().hex}"
        version = made.current_id if made else None
        proposed = ProposedCall(call_id, ids.new("mcp"), name, args, version)
        ledger.propose(self.cast.acme.pk, self.response.pk, self.step.pk, [proposed], lease_id=self.lease_id)
        return ToolCall.objects.get(call_id=call_id)


def shown(call: ToolCall) -> dict[str, Any]:
    """A call's outcome, fresh from the database."""
    call.refresh_from_db()
    assert call.result is not None, f"the call is still {call.state}"
    return call.result
