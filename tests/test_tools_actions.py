"""Loading, switching, deleting and trying tools; on the command line too."""

import io
import json
import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from chat import ledger, tasks
from chat.models import CallState, Tool, ToolCall, ToolVersion
from chat.tools import actions
from chat.tools.errors import InvalidTool
from deny_web import celery
from tenants.models import AuditRow
from tests import tool_api
from tests.tool_api import reply, tool
from tests.tool_bench import PASSWORD, Bench
from vault import compartments, entries
from vault.errors import NoValue

URL = "https://api.example.com/v1/invoices/{id}"
FREE = {"credential": None}


def load(cast, *entries):
    return actions.load_tools(cast.acme, list(entries), actor=cast.owner)


def version() -> int:
    """The only tool's present version."""
    current = Tool.objects.get().current
    assert current is not None
    return current.n


def test_loading_makes_a_version_and_an_audit_row(cast):
    load(cast, tool(URL))
    assert version() == 1
    row = AuditRow.objects.get(verb="tool.write")
    assert (row.actor, row.subject) == ("alice@example.com", "get_invoice")


def test_loading_makes_an_entry_without_a_value(cast):
    load(cast, tool(URL))
    assert not entries.list(cast.acme), "there is no vault yet, and none is made"
    compartments.create(cast.acme, PASSWORD, actor=cast.owner)
    load(cast, tool(URL), tool(URL, name="other"), tool(URL, name="free", **FREE))
    assert [entry.label for entry in entries.list(cast.acme)] == ["stripe-prod"]
    with pytest.raises(NoValue):
        entries.get(cast.acme, "stripe-prod", password=PASSWORD, actor=cast.owner)


def test_loading_leaves_a_value_alone(cast):
    compartments.create(cast.acme, PASSWORD, actor=cast.owner)
    entries.put(cast.acme, "stripe-prod", b"kept", password=PASSWORD, actor=cast.owner)
    load(cast, tool(URL))
    assert entries.get(cast.acme, "stripe-prod", password=PASSWORD, actor=cast.owner) == b"kept"


def test_a_label_that_no_vault_takes_loads_nothing(cast):
    compartments.create(cast.acme, PASSWORD, actor=cast.owner)
    with pytest.raises(InvalidTool, match="one line"):
        load(cast, tool(URL, credential={"label": "two\nlines", "in": "bearer"}))
    assert not Tool.objects.exists()


def test_loading_the_same_again_changes_nothing(cast):
    for _ in range(2):
        load(cast, tool(URL))
    assert ToolVersion.objects.count() == 1
    assert AuditRow.objects.filter(verb="tool.write").count() == 1


def test_a_change_is_a_new_version_and_the_old_one_stays(cast):
    load(cast, tool(URL))
    load(cast, tool(URL, description="Another description"))
    assert version() == 2
    assert ToolVersion.objects.get(n=1).definition["description"] == "Look up an invoice"


def test_one_bad_tool_loads_none(cast):
    with pytest.raises(InvalidTool):
        load(cast, tool(URL), tool(URL, name="other", approval="maybe"))
    assert not Tool.objects.exists()


def test_a_workspace_has_an_end_of_tools(cast):
    load(cast, *(tool(URL, name=f"t{n}") for n in range(128)))
    with pytest.raises(InvalidTool, match="at most 128"):
        load(cast, tool(URL, name="one_more"))


def test_another_workspaces_tool_of_the_same_name_is_untouched(cast):
    load(cast, tool(URL))
    with pytest.raises(actions.NoSuchTool):
        actions.delete_tool(cast.elsewhere, "get_invoice", actor=cast.owner)
    assert Tool.objects.for_tenant(cast.acme).count() == 1


def test_a_call_keeps_its_definition_when_its_tool_is_deleted(cast):
    bench = Bench(cast)
    call = bench.propose(bench.load(URL))
    actions.delete_tool(cast.acme, "get_invoice", actor=cast.owner)
    call.refresh_from_db()
    assert call.tool_version is not None
    assert call.tool_version.definition["request"]["url"] == URL
    load(cast, tool(URL))  # the name is free again


def test_trying_a_tool_that_asks_is_the_triers_approval(cast):
    load(cast, tool(URL, approval="ask", **FREE))
    call = actions.try_tool(cast.acme, "get_invoice", '{"id": "in_1"}', actor=cast.owner)
    assert call.state == CallState.QUEUED
    assert AuditRow.objects.get(verb="tool.approve").actor == "alice@example.com"


def test_a_tool_that_is_never_allowed_is_not_tried_either(cast):
    load(cast, tool(URL, approval="never", **FREE))
    assert actions.try_tool(cast.acme, "get_invoice", "{}", actor=cast.owner).state == CallState.DENIED


# --- the command ------------------------------------------------------------------------------------------------


def command(*args: str) -> str:
    out = io.StringIO()
    call_command("tools", *args, stdout=out)
    return out.getvalue()


def test_the_command_loads_and_lists(cast, tmp_path):
    file = tmp_path / "tools.json"
    file.write_text(json.dumps([tool(URL), tool(URL, name="other", credential=None)]))
    assert command("load", "acme", str(file)) == "Loaded 2 tools.\n"
    assert command("list", "acme").splitlines()[0] == "get_invoice\ton\tGET api.example.com\tstripe-prod\tauto"
    assert [one["name"] for one in json.loads(command("list", "acme", "--json"))] == ["get_invoice", "other"]
    assert AuditRow.objects.get(verb="tool.write").actor == "operator"


@pytest.mark.parametrize("text", ["{", "{}", '[{"name": "x y"}]', "[" * 100_000])
def test_the_command_refuses_in_one_line(cast, tmp_path, text):
    file = tmp_path / "tools.json"
    file.write_text(text)
    with pytest.raises(CommandError) as raised:
        command("load", "acme", str(file))
    assert str(raised.value).count("\n") == 0


@pytest.mark.parametrize(
    "args", [("list", "nobody"), ("try", "acme", "nothing", "{}"), ("load", "acme", "/nowhere.json")]
)
def test_the_command_says_what_is_missing(cast, args):
    with pytest.raises(CommandError):
        command(*args)


@pytest.mark.django_db(transaction=True)
def test_the_command_tries_a_tool_through_a_worker(cast, settings):
    with tool_api.allowed(settings) as api:
        api.handle("/v1/invoices/in_1", reply({"id": "in_1", "amount_due": 4200}))
        load(cast, tool(f"{api.url}/v1/invoices/{{id}}", credential=None, result="{id: id}"))
        worker = threading.Thread(target=_work_once)
        worker.start()
        shown = json.loads(command("try", "acme", "get_invoice", '{"id": "in_1"}'))
        worker.join()
    assert (shown["output"], shown["request"]["status"]) == ({"id": "in_1"}, 200)


def test_the_command_shows_a_refusal_and_exits_unhappily(cast):
    load(cast, tool("https://127.0.0.1/v1/{id}", credential=None, approval="never"))
    out = io.StringIO()
    with pytest.raises(CommandError, match="denied"):
        call_command("tools", "try", "acme", "get_invoice", '{"id": "a"}', stdout=out)
    assert json.loads(out.getvalue())["output"] == {"error": "denied", "status": 403}


def _work_once() -> None:
    """A worker for one call, in this process."""
    until = time.monotonic() + 20
    try:
        while time.monotonic() < until:
            call = ToolCall.objects.filter(state=CallState.QUEUED).first()
            if call:
                tasks.execute_tool_call(str(call.pk))
                return
            time.sleep(0.02)
    finally:
        connection.close()


def test_a_broker_that_is_away_loses_no_call(cast, settings, caplog, monkeypatch):
    call = Bench(cast).propose(load(cast, tool(URL, **FREE))[0])

    def away(*args, **kwargs):
        raise OSError("no broker")

    monkeypatch.setattr(celery.app, "send_task", away)
    ledger.enqueue([call.pk])
    call.refresh_from_db()
    assert call.state == CallState.QUEUED  # recovery sends it again
    assert "waits for the broker" in caplog.text
