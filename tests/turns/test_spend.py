"""Limits and budgets on every door of the real app, under parallel requests and a kill."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai import APIStatusError, RateLimitError

from tests.infra.app import ROOT, App, wait_for
from tests.settings import clean_environment
from tests.tool_api import reply
from tests.upstream import calls, text
from tests.workspace import Workspace, tool

pytestmark = pytest.mark.e2e

SETUP = """
import json
from tenants import prices, spending
from tenants.access import Principal
from tenants.models import Budget, Reservation, Role, Tenant, ApiKey, UsageHour
tenant = Tenant.objects.get(slug=SLUG)
acting = Principal(tenant, Role.OWNER, tenant.memberships.get().user)
key = tenant.api_keys.get()
def budget(amount, **more):
    return spending.set_budget(acting=acting, amount=amount, **({"unit": "tokens", "period": "total"} | more))
def state(): return [[b.spent, b.reserved] for b in Budget.objects.for_tenant(tenant).order_by("pk")]
"""
RESET = """
for one in Budget.objects.for_tenant(tenant): spending.remove_budget(one, acting=acting)
spending.change_limits(acting=acting, requests=None, tokens=None)
spending.change_limits(acting=acting, requests=None, tokens=None, api_key=key)
for price in tenant.prices.all(): prices.remove(price.model, acting=acting)
UsageHour.objects.all().delete()
"""


# One process for a file's tests, since each start of Django costs a second: code goes in a line at a time, as JSON.
SERVE = """
import sys
from django.db import close_old_connections
for line in sys.stdin:
    close_old_connections()
    tenant.refresh_from_db()
    scope = dict(globals())
    code, expression = json.loads(line)
    exec(code, scope)
    print(json.dumps(eval(expression, scope)), flush=True)
"""


class Accounts:
    """What an admin does in the console, done in the running app's database."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def run(self, code: str, expression: str = "None") -> Any:
        """Run the code, and give back what the expression says after it."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([code, expression]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"it failed: {code}"
        return json.loads(line)

    def read(self, expression: str) -> Any:
        return self.run("", expression)

    @property
    def state(self) -> list[list[int]]:
        """Spent and reserved of each budget."""
        found: list[list[int]] = self.read("state()")
        return found


@pytest.fixture(scope="module")
def _admin(app: App, acme: Workspace) -> Iterator[Accounts]:
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", f"SLUG = {acme.slug!r}" + SETUP + SERVE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=clean_environment() | app.env, **pipes) as process:  # type: ignore[call-overload]
        yield Accounts(process)
        process.stdin.close()


@pytest.fixture
def accounts(app: App, workspace: Workspace, _admin: Accounts) -> Iterator[Accounts]:
    yield _admin
    app.wait_ready()
    _admin.run(RESET)


def asked(workspace: Workspace, count: int, **body: Any) -> list[int]:
    """The statuses of so many requests at once."""
    client = workspace.client()

    def one(n: int) -> int:
        try:
            client.responses.create(**({"model": "m", "input": f"hello {n}"} | body))
        except APIStatusError as error:
            return error.status_code
        return 200

    with ThreadPoolExecutor(25) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.parametrize("store", [True, False])
def test_fifty_requests_at_once_never_pass_a_budget(workspace: Workspace, upstream, accounts: Accounts, store: bool):
    upstream.queue(text("Twelve words that are said by the model in its answer here.", times=0))
    accounts.run("budget(3000)")
    statuses = asked(workspace, 50, max_output_tokens=400, store=store)
    assert set(statuses) == {200, 429}
    wait_for(lambda: accounts.state[0][1] == 0, 10, "something stays reserved")
    spent = accounts.state[0][0]
    assert 0 < spent <= 3000
    # What is used of what was reserved is little, so that later requests find room again.
    assert statuses.count(200) >= 3000 // 500


def test_an_empty_budget_says_who_can_raise_it(workspace: Workspace, upstream, accounts: Accounts):
    accounts.run("budget(5)")
    with pytest.raises(RateLimitError) as refused:
        workspace.client().with_options(max_retries=3).responses.create(model="m", input="hello")
    assert refused.value.code == refused.value.type == "insufficient_quota"
    assert "An owner or an admin of the workspace can raise it under Spend." in refused.value.message
    assert upstream.requests() == []


def test_a_socket_and_the_chat_are_told_in_a_frame(workspace: Workspace, upstream, accounts: Accounts):
    accounts.run("budget(5)")
    with workspace.client().responses.connect() as connection:
        connection.send({"type": "response.create", "model": "m", "input": "hello"})
        told = json.loads(connection.recv_bytes())
    assert (told["type"], told["status"], told["error"]["code"]) == ("error", 429, "insufficient_quota")
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("hello")
        while (told := socket.event())["type"] != "error":
            pass
    assert told["status"] == 429
    assert told["error"]["message"].startswith("The workspace's budget of 5 tokens has not enough left")


def test_an_answer_is_held_to_what_was_reserved(workspace: Workspace, upstream, accounts: Accounts):
    upstream.queue(text("short"), text("short"))
    accounts.run("budget(100_000); spending.change_answer_tokens(500, acting=acting)")
    client = workspace.client()
    client.responses.create(model="m", input="hello")
    client.responses.create(model="m", input="hello", max_output_tokens=60)
    assert [body["max_output_tokens"] for body in upstream.bodies()] == [500, 60]


def test_a_turn_that_outgrows_its_budget_ends_incomplete(workspace: Workspace, upstream, api, accounts: Accounts):
    api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open " * 2000}))
    workspace.load_tools(tool(api.url))
    upstream.queue(calls(("get_invoice", {"id": "in_1"})))
    accounts.run("budget(2000)")
    response = workspace.client().responses.create(model="m", input="look up in_1", max_output_tokens=300)
    assert response.status == "incomplete"
    assert response.incomplete_details.model_extra["deny_web:reason"] == "budget"
    spent, reserved = accounts.state[0]
    assert (spent, reserved) == (response.usage.total_tokens, 0)


def test_an_answer_that_is_stopped_is_paid_for(workspace: Workspace, upstream, accounts: Accounts):
    upstream.queue(text("many words " * 200, deltas=20, fault="hold", after=15))
    accounts.run("budget(100_000)")
    with workspace.socket(workspace.sign_in()) as socket:
        socket.create("hello")
        for event in socket.events():
            if event["type"] == "response.output_text.delta" and event["sequence_number"] > 10:
                socket.send(type="deny_web:stop", response_id=event["deny_web:response_id"])
                break
        assert [event["type"] for event in socket.events()][-1] == "response.incomplete"
    spent, reserved = accounts.state[0]
    assert reserved == 0
    assert spent > 100


@pytest.mark.parametrize("store", [True, False])
def test_a_killed_hosts_reservation_is_settled(
    workspace: Workspace, upstream, app: App, accounts: Accounts, store: bool
):
    upstream.queue(text("never said", fault="hold", after=3))
    accounts.run("budget(100_000)")
    stream = workspace.client().responses.create(
        model="m", input="hello", stream=True, store=store, max_output_tokens=500
    )
    next(iter(stream))
    wait_for(upstream.requests, 20)
    [[_, reserved]] = accounts.state
    assert reserved > 500
    app.kill("web", signal.SIGKILL)
    if store:
        sql = "Response.objects.exclude(ended_at=None).count()"
        wait_for(lambda: accounts.read(f"__import__('chat.models').models.{sql}"), 30)
    aged = """
from datetime import timedelta
from django.utils import timezone
from chat import reservations
from chat.models import Host, Response
long_ago = timezone.now() - timedelta(minutes=5)
Reservation.objects.update(created_at=long_ago)
Response.objects.exclude(ended_at=None).update(ended_at=long_ago)
"""
    wait_for(lambda: accounts.run(aged + "reservations.settle_left()") or accounts.state == [[reserved, 0]], 30)


def test_requests_a_minute_are_counted_exactly(workspace: Workspace, upstream, accounts: Accounts):
    upstream.queue(text("ok", times=0))
    accounts.run("spending.change_limits(acting=acting, requests=6, tokens=None, api_key=key)")
    wait_for(lambda: limited(workspace), 10)
    accounts.run("from tenants import limits; limits.forget(tenant.pk, key.pk)")
    statuses = asked(workspace, 40, store=False)
    assert statuses.count(200) in (6, 7)  # one comes back every ten seconds
    assert set(statuses) == {200, 429}


def limited(workspace: Workspace) -> bool:
    raw = workspace.client().responses.with_raw_response.create(model="m", input="hello", store=False)
    return "x-ratelimit-limit-requests" in raw.headers


def test_headers_come_with_json_streams_and_refusals(workspace: Workspace, upstream, accounts: Accounts):
    upstream.queue(text("ok", times=0))
    accounts.run("spending.change_limits(acting=acting, requests=3, tokens=60_000)")
    client = workspace.client()
    wait_for(lambda: limited(workspace), 10)
    accounts.run("from tenants import limits; limits.forget(tenant.pk, None)")
    told = client.responses.with_raw_response.create(model="m", input="hello").headers
    assert told["x-ratelimit-limit-requests"] == "3"
    assert told["x-ratelimit-remaining-requests"] == "2"
    assert told["x-ratelimit-limit-tokens"] == "60000"
    with client.responses.with_streaming_response.create(model="m", input="hello", stream=True) as streamed:
        assert streamed.headers["x-ratelimit-remaining-requests"] == "1"
        streamed.read()
    made = client.responses.create(model="m", input="hello", background=True)
    with pytest.raises(RateLimitError) as refused:
        client.responses.create(model="m", input="hello")
    # Else its request would come in the next test, and take that one's answer.
    wait_for(lambda: client.responses.retrieve(made.id).status == "completed", 30)
    assert refused.value.code == "rate_limit_exceeded"
    assert "The workspace's limit of 3 requests a minute is reached." in refused.value.message
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 20
    with client.responses.connect() as connection:
        connection.send({"type": "response.create", "model": "m", "input": "hello"})
        frame = json.loads(connection.recv_bytes())
    assert frame["error"]["code"] == "rate_limit_exceeded"
    assert "retry-after" in frame["error"]["headers"]


def test_without_a_limit_there_is_no_header(workspace: Workspace, upstream):
    upstream.queue(text("ok"))
    raw = workspace.client().responses.with_raw_response.create(model="m", input="hello")
    assert not [name for name in raw.headers if name.startswith("x-ratelimit")]


def test_what_was_used_and_what_it_cost_is_told_and_kept(workspace: Workspace, upstream, accounts: Accounts):
    upstream.queue(text("one two three", times=0))
    accounts.run('prices.change(prices.parse(\'{"priced": {"input": 2, "output": 10}}\'), acting=acting)')
    client = workspace.client()
    costs: list[int] = []

    def ask(**body: Any) -> bool:
        response = client.responses.create(model="priced", input="hello", **body)
        told = response.model_extra.get("deny_web:cost")
        if told is None:
            return False  # the price has not come round yet
        if not body:
            assert client.responses.retrieve(response.id).model_extra["deny_web:cost"] == told
        costs.append(round(float(told) * 1e9))
        return costs[-1] == response.usage.input_tokens * 2000 + response.usage.output_tokens * 10000

    wait_for(ask, 10)
    assert ask()
    assert ask(store=False)
    read = "list(UsageHour.objects.filter(model='priced').values('responses', 'cost', 'unpriced', 'door'))"
    wait_for(lambda: sum(row["cost"] for row in accounts.read(read)) == sum(costs), 10)
    [row] = accounts.read(read)
    assert row["responses"] - row["unpriced"] == len(costs)
    assert row["door"] == "api"


def test_what_is_collected_is_written_at_an_orderly_end(workspace: Workspace, upstream, app: App, accounts: Accounts):
    upstream.queue(text("ok", times=0))
    asked(workspace, 20, store=False)
    app.kill("web", signal.SIGTERM)
    app.wait_ready()
    wait_for(lambda: accounts.read("sum(UsageHour.objects.values_list('responses', flat=True))") == 20, 10)


def test_a_compaction_is_limited_and_paid_for(workspace: Workspace, upstream, accounts: Accounts):
    upstream.queue(text("a summary"))
    accounts.run("budget(30_000)")
    body = json.dumps({"model": "m", "input": "hello " * 50}).encode()
    headers = {"Authorization": f"Bearer {workspace.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{workspace.app.url}/v1/responses/compact", body, headers)
    with urllib.request.urlopen(request) as answer:
        used = json.load(answer)["usage"]["total_tokens"]
    assert accounts.state == [[used, 0]]
