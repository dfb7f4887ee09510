"""A call through a worker's hands: vault, audit, request, projection, sweep, outcome."""

import base64
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from chat import ledger, tasks
from chat.models import CallState, ToolCall
from chat.tools import execution, projection
from deny_web import valkey
from tenants.models import AuditRow
from tests import tool_api
from tests.test_tools_sweep import DRESSES
from tests.tool_api import ToolApi, reply
from tests.tool_bench import KEY, PASSWORD, Bench, shown
from vault import entries, leases

INVOICE = {"id": "in_1", "amount_due": 4200, "customer_email": "ada@example.com", "note": "thanks"}
PATH = "/v1/invoices/in_1"
# The forms of the promise; tests/test_tools_sweep.py has many more.
FORMS = ["raw", "base64", "hex", "url-encoded", "json-escaped", "upper", "reversed", "pieces of 8", "lines between"]


@pytest.fixture
def api(settings) -> Iterator[ToolApi]:
    with tool_api.allowed(settings) as api:
        yield api


@pytest.fixture
def bench(cast, quick) -> Bench:
    return Bench(cast)


@pytest.fixture
def open_bench(bench) -> Bench:
    bench.unlock()
    return bench


def run(bench: Bench, api: ToolApi, **changes: object) -> ToolCall:
    call = bench.propose(bench.load(f"{api.url}/v1/invoices/{{id}}", **changes))
    tasks.execute_tool_call(str(call.pk))
    call.refresh_from_db()
    return call


# --- the way that goes well -------------------------------------------------------------------------------------


def test_a_call_uses_the_credential_and_shows_the_model_the_narrowed_result(open_bench, api):
    api.handle(PATH, reply(INVOICE))
    call = run(open_bench, api)
    result = shown(call)
    assert call.state == CallState.DONE
    assert json.loads(result["output"]) == {"id": "in_1", "amount_due": 4200, "note": "thanks"}
    request = result["request"]
    assert (request["method"], request["host"], request["path"], request["status"]) == ("GET", api.host, PATH, 200)
    assert (request["credential"], result["error"]) == ("stripe-prod", None)
    assert api.requests[0].headers["authorization"] == f"Bearer {KEY.decode()}"
    assert api.requests[0].headers["idempotency-key"] == call.idempotency_key


def test_ten_deliveries_send_one_request(open_bench, api):
    api.handle(PATH, reply(INVOICE))
    call = run(open_bench, api)
    for _ in range(9):
        tasks.execute_tool_call(str(call.pk))
    assert len(api.requests) == 1


def test_a_tool_without_a_credential_needs_no_vault(bench, api):
    api.handle(PATH, reply(INVOICE))
    call = run(bench, api, credential=None)
    assert call.state == CallState.DONE
    assert "authorization" not in api.requests[0].headers
    assert shown(call)["request"]["credential"] is None


# --- refusals before anything is sent ---------------------------------------------------------------------------


def test_a_locked_vault_is_a_code_for_the_model(open_bench, api):
    leases.lock(open_bench.cast.acme, actor=open_bench.owner)
    assert shown(run(open_bench, api))["output"] == '{"error":"vault_locked","status":423}'
    assert not api.requests


def test_another_lease_than_the_calls_does_not_serve_it(open_bench, api):
    call = open_bench.propose(open_bench.load(f"{api.url}/v1/invoices/{{id}}"))
    leases.unlock(open_bench.cast.acme, PASSWORD, actor=open_bench.owner)
    tasks.execute_tool_call(str(call.pk))
    assert shown(call)["error"] == "vault_locked"
    assert not api.requests


def test_a_valkey_that_is_away_is_a_locked_vault(open_bench, api, settings):
    call = open_bench.propose(open_bench.load(f"{api.url}/v1/invoices/{{id}}"))
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    valkey.sync.cache_clear()
    try:
        tasks.execute_tool_call(str(call.pk))
    finally:
        valkey.sync.cache_clear()
    assert shown(call)["error"] == "vault_locked"


def test_a_label_without_a_value_is_a_code_for_the_model(open_bench, api):
    entries.delete(open_bench.cast.acme, "stripe-prod", password=PASSWORD, actor=open_bench.owner)
    assert shown(run(open_bench, api))["error"] == "credential_not_found"


def test_a_credential_under_eight_characters_is_refused(bench, api):
    bench.unlock(b"hunter2")
    result = shown(run(bench, api))
    assert (result["error"], result["request"]) == ("credential_not_found", None)
    assert not api.requests


def test_a_private_host_is_a_code_for_the_model(open_bench, api, settings):
    settings.TOOL_ALLOWED_HOSTS = []
    assert shown(run(open_bench, api))["output"] == '{"error":"host_not_allowed","status":403}'
    assert not api.requests


def test_arguments_that_were_changed_after_the_call_was_made_are_not_sent(open_bench, api):
    call = open_bench.propose(open_bench.load(f"{api.url}/v1/invoices/{{id}}"))
    ToolCall.objects.filter(pk=call.pk).update(args='{"id": "in_9"}')
    tasks.execute_tool_call(str(call.pk))
    assert shown(call)["error"] == "denied"
    assert not api.requests


def test_arguments_that_carry_the_credential_are_not_sent(open_bench, api):
    args = json.dumps({"id": KEY.decode()[8:20]})
    call = open_bench.propose(open_bench.load(f"{api.url}/v1/invoices/{{id}}"), args)
    tasks.execute_tool_call(str(call.pk))
    assert shown(call)["error"] == "result_withheld"
    assert AuditRow.objects.get(verb="tool.withheld").detail["found_in"] == "arguments"
    assert not api.requests


# --- answers ----------------------------------------------------------------------------------------------------


def test_an_upstream_error_is_a_code_and_a_status(open_bench, api):
    api.handle(PATH, reply({"error": f"bad key {KEY.decode()}"}, status=401))
    call = run(open_bench, api)
    assert shown(call)["output"] == '{"error":"upstream_error","status":401}'
    assert shown(call)["request"]["status"] == 401


def test_a_timeout_is_a_code(open_bench, api):
    release = threading.Event()
    api.handle(PATH, tool_api.hold(release, reply(INVOICE)))
    result = shown(run(open_bench, api, request={"timeout": 1}))
    release.set()
    assert (result["error"], result["request"]["status"]) == ("upstream_timeout", None)


@pytest.mark.parametrize("dress", FORMS)
def test_a_result_that_carries_the_credential_is_withheld(open_bench, api, dress):
    api.handle(PATH, tool_api.echo(change=lambda text: DRESSES[dress](text.removeprefix("Bearer "))))
    call = run(open_bench, api)
    result = shown(call)
    assert result["output"] == '{"error":"result_withheld","status":502}'
    assert DRESSES[dress](KEY.decode()) not in json.dumps(result)
    row = AuditRow.objects.get(verb="tool.withheld")
    assert row.detail == {"call": str(call.pk), "found_in": "answer"}


def test_what_the_projection_leaves_out_does_not_withhold_the_rest(open_bench, api):
    api.handle(PATH, reply({**INVOICE, "customer_email": KEY.decode()}))
    assert run(open_bench, api).state == CallState.DONE


def test_a_basic_credential_hides_its_password_and_not_its_user(bench, api):
    bench.unlock(b"ada@example.com:s3cret-Pass-9")
    api.handle(PATH, reply({"id": "in_1", "note": "ada@example.com"}))
    basic = {"label": "stripe-prod", "in": "basic"}
    assert run(bench, api, credential=basic).state == CallState.DONE
    api.handle(PATH, reply({"id": "in_1", "note": "the password is s3cret-Pass-9"}))
    assert shown(run(bench, api, credential=basic))["error"] == "result_withheld"


# --- stop -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("idempotent", "state", "error"), [(True, "failed", "denied"), (False, "unknown", "outcome_unknown")]
)
def test_a_stop_reaches_a_request_under_way(cast, api, idempotent, state, error):
    bench = Bench(cast)
    release = threading.Event()
    api.handle(PATH, tool_api.hold(release, reply(INVOICE)))
    made = bench.load(
        f"{api.url}/v1/invoices/{{id}}", credential=None, request={"idempotent": idempotent, "timeout": 60}
    )
    call = bench.propose(made)
    worker = threading.Thread(target=_run_and_close, args=(call,))
    worker.start()
    api.wait_for(1)
    ledger.cancel(bench.response.pk)
    worker.join(30)
    assert not worker.is_alive(), "it waits for the answer"
    release.set()
    result = shown(call)
    assert (call.state, result["error"], result["reason"]) == (state, error, "stopped")


def _run_and_close(call: ToolCall) -> None:
    try:
        execution.run(call.pk)
    finally:
        connection.close()


# --- what stays behind ------------------------------------------------------------------------------------------


def test_an_exception_leaves_no_secret_in_the_log(open_bench, api, monkeypatch, caplog):
    api.handle(PATH, reply(INVOICE))

    def explode(*args: object) -> str:
        raise RuntimeError(f"with {KEY.decode()}")

    monkeypatch.setattr(projection, "project", explode)
    with caplog.at_level(logging.DEBUG):
        call = run(open_bench, api)
    assert call.state == CallState.SENDING  # left behind; recovery has it
    assert "RuntimeError" in caplog.text
    assert KEY.decode() not in caplog.text


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_a_credential_is_nowhere_but_in_the_request(bench, api, caplog, valkey_flushed):
    bench.unlock()
    with caplog.at_level(logging.DEBUG):
        for behaviour in (
            reply(INVOICE),
            reply({"error": KEY.decode()}, status=500),
            tool_api.echo(),
            tool_api.cut,
            reply(b"<html>" + KEY),
            tool_api.drip(0.05),
        ):
            api.handle(PATH, behaviour)
            run(bench, api, request={"timeout": 1})
    assert any(KEY.decode() in seen.headers["authorization"] for seen in api.requests)
    haystacks = {"log": caplog.text.encode(), **_database(), **_valkey_dump(valkey_flushed)}
    forms = {KEY, KEY[8:16], base64.b64encode(KEY), KEY.hex().encode(), KEY.upper(), KEY[::-1]}
    found = [(place, form) for place, hay in haystacks.items() for form in forms if form in hay]
    assert not found
    assert str(bench.response.pk).encode() in b"".join(haystacks.values())  # the look does find what is there


def _database() -> dict[str, bytes]:
    """Every row of every table; and for SQLite its files, where a journal or a free page could hold more."""
    rows = b""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows += b"".join(_bytes(value) for row in cursor.fetchall() for value in row)
    if connection.vendor != "sqlite":
        return {"rows": rows}
    name = Path(connection.settings_dict["NAME"])
    return {"rows": rows, **{str(path): path.read_bytes() for path in name.parent.glob(f"{name.name}*")}}


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode("utf-8", "replace")


def _valkey_dump(client) -> dict[str, bytes]:
    return {key.decode(): client.dump(key) or b"" for key in client.scan_iter()}
