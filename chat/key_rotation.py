"""The tool that an alert calls, to rotate the key at its provider: what `vault.tripwires.rotation` asks of chat.

Such a call goes the way of every call: ledger, worker, audit row, credential under the lease that runs. Nobody is there
to be asked or to repair a call that was made twice, so a tool has to be idempotent, or one that asks, which whoever
chose it has thereby decided.
"""

from typing import Final
from uuid import UUID

from django.db import transaction

from chat import ledger
from chat.models import Tool, ToolCall
from chat.tools import actions, arguments, definition
from chat.tools.definition import ToolDefinition
from chat.tools.errors import InvalidArguments
from tenants.access import Principal
from tenants.models import Tenant
from vault.errors import Refused

_ENDED: Final = {
    "vault_locked": "It was not called: the vault is locked. Unlock it, then try the tool by hand.",
    "credential_not_found": "It was not called: the vault holds no value for its credential.",
    "upstream_error": "The provider answered with an error.",
    "upstream_timeout": "The provider did not answer in time.",
}


class Rotator:
    def all_names(self, tenant: Tenant) -> list[str]:
        return [tool.name for tool, _ in actions.all_tools(tenant)]

    def callable_names(self, tenant: Tenant) -> list[str]:
        return [tool.name for tool, one in actions.all_tools(tenant) if tool.enabled and _may(one)]

    def check(self, tenant: Tenant, tool: str, args: str) -> int:
        found = _find(tenant, tool)
        one = definition.from_stored(found.current.definition) if found.current else None
        if one is None or not _may(one):
            raise Refused(f"{tool} cannot be called by an alert: it has to be idempotent, or to ask.")
        try:
            arguments.validate(one, args or "{}")
        except InvalidArguments:
            raise Refused(f"These arguments do not fit {tool}.") from None
        return int(found.current_id or 0)

    def call(self, tool: str, version: int, args: str, *, acting: Principal) -> UUID:
        if self.check(acting.tenant, tool, args) != version:
            raise Refused(f"{tool} was changed since it was chosen. Choose it again.")
        with transaction.atomic():
            return UUID(str(actions.try_tool(acting.tenant, tool, args or "{}", actor=acting).pk))

    def outcome(self, tenant: Tenant, call_id: UUID) -> str:
        call = ToolCall.objects.for_tenant(tenant).filter(pk=call_id).first()
        if call is None:
            return "Its call is gone."
        if call.state in ledger.OPEN:
            return "It is being called."
        error = (call.result or {}).get("error")
        return _ENDED.get(error, "The call failed.") if error else "It was called."


def _find(tenant: Tenant, name: str) -> Tool:
    try:
        found = actions.find(tenant, name)
    except actions.NoSuchTool as missing:
        raise Refused(missing.sentence) from None
    if not found.enabled:
        raise Refused(f"{name} is switched off.")
    return found


def _may(one: ToolDefinition) -> bool:
    return one.approval != "never" and (one.request.idempotent or one.approval == "ask")
