"""The trail of a tool call: a row before the credential is used, and the same one whatever is under the label."""

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from chat import tasks
from chat.models import CallState, ToolCall
from chat.tools import actions
from tenants import audit
from tenants.models import AuditRow
from tests.test_tools_execution import INVOICE, PATH, api, bench, open_bench, run
from tests.tool_api import reply
from tests.tool_bench import KEY, LABEL, PASSWORD, Bench, shown
from vault import entries

__all__ = ["api", "bench", "open_bench"]


def test_the_audit_row_names_the_use_and_holds_no_secret(open_bench, api):
    api.handle(PATH, reply(INVOICE))
    call = run(open_bench, api)
    row = AuditRow.objects.get(verb="tool.call")
    assert row.detail == {"call": str(call.pk), "method": "GET", "host": api.host, "credential": "stripe-prod"}


UNDER_THE_LABEL: dict[str, bytes | None] = {"value": KEY, "nothing": None, "7 characters": b"hunter2"}


def put_under_the_label(bench: Bench, value: bytes | None) -> None:
    if value is None:
        entries.delete(bench.cast.acme, LABEL, password=PASSWORD, actor="operator")
    else:
        entries.put(bench.cast.acme, LABEL, value, password=PASSWORD, actor="operator")


@pytest.mark.parametrize("by_hand", [False, True], ids=["from a turn", "tried by hand"])
def test_the_trail_is_the_same_whatever_is_under_the_label(open_bench, api, by_hand):
    """Else a row would prove that somebody's password had a value there, where the one handed out has none."""
    api.handle(PATH, reply(INVOICE))
    tenant, made = open_bench.cast.acme, open_bench.load(f"{api.url}/v1/invoices/{{id}}")
    seen = {}
    for name, value in UNDER_THE_LABEL.items():
        put_under_the_label(open_bench, value)
        before = AuditRow.objects.for_tenant(tenant).count()
        if by_hand:
            call = actions.try_tool(tenant, made.name, '{"id": "in_1"}', actor=open_bench.owner)
        else:
            call = open_bench.propose(made)
        with CaptureQueriesContext(connection) as queries:
            tasks.execute_tool_call(str(call.pk))
        trail = AuditRow.objects.for_tenant(tenant).filter(n__gt=before).order_by("n")
        rows = [
            (row.verb, row.actor, row.subject, {**row.detail, "call": row.detail["call"] == str(call.pk)})
            for row in trail
        ]
        seen[name] = rows, len(queries)
    assert [call.state for call in ToolCall.objects.order_by("created_at")] == ["done", "failed", "failed"]
    assert len(api.requests) == 1
    detail = {"call": True, "method": "GET", "host": api.host, "credential": LABEL}
    assert seen["value"][0] == [("tool.call", "worker", made.name, detail)]
    assert seen["nothing"] == seen["7 characters"] == seen["value"]


@pytest.mark.parametrize("value", UNDER_THE_LABEL)
def test_no_audit_row_no_credential(open_bench, api, monkeypatch, value):
    put_under_the_label(open_bench, UNDER_THE_LABEL[value])
    api.handle(PATH, reply(INVOICE))
    record = audit.record

    def refuse(tenant, verb, **kwargs):
        if verb == "tool.call":
            raise DatabaseError("disk full")
        return record(tenant, verb, **kwargs)

    monkeypatch.setattr(audit, "record", refuse)
    call = run(open_bench, api)
    assert shown(call)["error"] == "denied"
    assert not api.requests
    monkeypatch.undo()
    assert (run(open_bench, api).state == CallState.DONE) is (
        value == "value"
    )  # the same call does reach the API once the audit works
