"""What people do to tools: load, switch on and off, delete, try. Each act is one transaction with its audit row.

A tool's versions are never changed or deleted: a call keeps the definition that it was made under.
"""

import uuid
from collections.abc import Sequence

from django.db import transaction

from chat import decisions, ledger
from chat.ledger import ProposedCall
from chat.models import Tool, ToolCall, ToolVersion
from chat.tools import definition
from chat.tools.definition import MAX_TOOLS, ToolDefinition
from chat.tools.errors import InvalidTool
from deny_web import ids
from tenants import audit
from tenants.access import Principal
from tenants.models import Tenant
from vault import compartments, entries, leases
from vault.errors import InvalidLabel, VaultError

WRITE = "tool.write"


class NoSuchTool(Exception):
    """`sentence` names the tool."""

    def __init__(self, name: str) -> None:
        self.sentence = f"There is no tool {name[:64]!r} in this workspace."
        super().__init__(self.sentence)


def load_tools(tenant: Tenant, data: object, *, actor: Principal) -> list[Tool]:
    """Make the tools of a file (decoded JSON), or new versions of those that changed; all or nothing.

    A tool that the file does not name stays as it is, and so does one whose definition is the same. Where the vault
    has no entry for a tool's credential it gets one without a value: such entries are ordinary. Raises `InvalidTool`.
    """
    definitions = definition.parse(data)
    with transaction.atomic():
        # Two loads at once would count the same versions; the tenant's row makes them queue.
        Tenant.objects.select_for_update().get(pk=tenant.pk)
        known = {tool.name: tool for tool in Tool.objects.for_tenant(tenant).select_related("current")}
        if len(known.keys() | {one.name for one in definitions}) > MAX_TOOLS:
            raise InvalidTool(f"A workspace has at most {MAX_TOOLS} tools; delete some first.")
        loaded = [_load(tenant, one, known.get(one.name)) for one in definitions]
        changed = [tool.name for tool, new in loaded if new]
        if changed:
            audit.record(tenant, WRITE, actor=actor, subject=", ".join(changed))
        _make_entries(tenant, definitions, actor)
    return [tool for tool, _ in loaded]


def _make_entries(tenant: Tenant, definitions: Sequence[ToolDefinition], actor: Principal) -> None:
    if compartments.exists(tenant):
        for label in sorted({one.credential.label for one in definitions if one.credential}):
            try:
                entries.make(tenant, label, actor=actor)
            except InvalidLabel as wrong:
                raise InvalidTool(str(wrong), field="credential.label") from None


def _load(tenant: Tenant, one: ToolDefinition, tool: Tool | None) -> tuple[Tool, bool]:
    data = one.as_data()
    if tool is None:
        tool = Tool.objects.create(tenant=tenant, name=one.name)
    elif tool.current is not None and tool.current.definition == data:
        return tool, False
    last = tool.versions.order_by("-n").values_list("n", flat=True).first() or 0
    tool.current = ToolVersion.objects.create(tenant=tenant, tool=tool, n=last + 1, definition=data)
    tool.save(update_fields=["current"])
    return tool, True


def set_enabled(tenant: Tenant, name: str, enabled: bool, *, actor: Principal) -> None:
    """Offer a tool to models, or stop offering it. Raises `NoSuchTool`."""
    with transaction.atomic():
        if not Tool.objects.for_tenant(tenant).filter(name=name).update(enabled=enabled):
            raise NoSuchTool(name)
        audit.record(tenant, WRITE, actor=actor, subject=name, detail={"enabled": enabled})


def delete_tool(tenant: Tenant, name: str, *, actor: Principal) -> None:
    """Remove a tool; calls of it that were made before keep their definition. Raises `NoSuchTool`."""
    with transaction.atomic():
        tool = find(tenant, name)
        tool.delete()
        audit.record(tenant, WRITE, actor=actor, subject=name, detail={"deleted": True})


def find(tenant: Tenant, name: str) -> Tool:
    """A tool by its name. Raises `NoSuchTool`."""
    tool = Tool.objects.for_tenant(tenant).select_related("current").filter(name=name, current__isnull=False).first()
    if tool is None:
        raise NoSuchTool(name)
    return tool


def try_tool(tenant: Tenant, name: str, args: str, *, actor: Principal) -> ToolCall:
    """Call a tool by hand, through the ledger and a worker as any call goes. Raises `NoSuchTool`.

    `ask` is answered by the person who tries it; the decision has its audit row all the same.
    """
    tool = find(tenant, name)
    proposed = ProposedCall(ids.new("try"), "", tool.name, args, tool.current_id)
    with transaction.atomic():
        call = ledger.born(tenant.pk, proposed, tool.current, _lease_id(tenant.pk))
        call.save(force_insert=True)
        if call.state == ledger.CallState.QUEUED:
            transaction.on_commit(lambda: ledger.enqueue([call.pk]))
    if call.state == ledger.CallState.AWAITING_APPROVAL:
        decisions.approve(call.pk, acting=actor)
        call.refresh_from_db()
    return call


def tried(tenant: Tenant, call_id: uuid.UUID) -> ToolCall | None:
    """A call that a person tried, by its id."""
    return ToolCall.objects.for_tenant(tenant).filter(pk=call_id, response__isnull=True).first()


def all_tools(tenant: Tenant) -> Sequence[tuple[Tool, ToolDefinition]]:
    """The workspace's tools in order, with their present definitions."""
    tools = Tool.objects.for_tenant(tenant).filter(current__isnull=False).select_related("current").order_by("name")
    return [(tool, definition.from_stored(tool.current.definition)) for tool in tools if tool.current]


def _lease_id(tenant_id: uuid.UUID) -> str:
    try:
        lease = leases.current(tenant_id)
    except VaultError:
        return ""  # the worker finds out the same, and says so in the outcome
    return lease.id if lease else ""
