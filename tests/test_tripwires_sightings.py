"""Where an armed value is seen, what is raised then and for whom, and that nothing else raises anything."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import tripwires
from chat.ledger import CallState
from chat.models import Door, Response
from chat.tools import execution
from deny_web import db
from tenants import access
from tenants.access import Act
from tenants.models import AuditRow, Membership, Role, WebhookDelivery
from tenants.webhooks import endpoints
from tests import tool_api
from tests.cast import Cast, make_key
from tests.test_step_events import feed, make_turn
from tests.tool_api import ToolApi, reply
from tests.tool_bench import Bench, shown
from tests.tripwire_cast import DRESSES, OTHER, PROMISED, VALUE, Trap, arm
from vault.models import Honeytoken, Sighting
from vault.tripwires import armed, sightings, telling, tokens
from vault.tripwires.sightings import Where, Who

pytestmark = pytest.mark.django_db(transaction=True)
Place = Sighting.Place


@pytest.fixture
def trap(cast: Cast) -> Trap:
    return arm(cast)


@pytest.fixture
def api(settings) -> Iterator[ToolApi]:
    with tool_api.allowed(settings) as api:
        yield api


def message(text: str, role: str = "user") -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


# --- each place, each dress, and the controls ----------------------------------------------------------------------


@pytest.mark.parametrize("dress", PROMISED)
def test_message_raises_an_alert(trap: Trap, dress: str) -> None:
    owner = access.for_slug("acme")
    tripwires.of_input(owner, [message(f"look: {DRESSES[dress](OTHER)}")])
    assert trap.raised() == []
    tripwires.of_input(owner, [message(f"look: {DRESSES[dress](VALUE)}")], conversation_id="conv_1", detail="browser")
    (row,) = trap.raised()
    assert (row.place, row.who, row.conversation_id, row.detail) == (Place.MESSAGE, "operator", "conv_1", "browser")


@pytest.mark.parametrize(
    "item",
    [
        message(VALUE, "system"),
        {"type": "message", "role": "user", "content": [{"type": "input_file", "filename": "a", "file_data": "x"},
                                                        {"type": "input_text", "text": VALUE}]},
        {"type": "function_call_output", "call_id": "call_1", "output": json.dumps({"key": VALUE})},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": json.dumps({"key": VALUE})},
        {"type": "mcp_approval_response", "approval_request_id": "x", "approve": True, "reason": VALUE},
    ],
)  # fmt: skip
def test_any_text_of_any_item_raises_an_alert(trap: Trap, item: dict[str, Any]) -> None:
    tripwires.of_input(access.for_slug("acme"), [item])
    assert trap.places() == [Place.MESSAGE]


def test_instructions_raise_an_alert(trap: Trap) -> None:
    tripwires.of_input(access.for_slug("acme"), [message("hi")], f"Use {VALUE}.")
    assert trap.places() == [Place.MESSAGE]


def test_own_results_that_a_client_replays_raise_none(trap: Trap) -> None:
    call = {"type": "mcp_call", "server_label": "deny_web", "name": "f", "arguments": "{}", "output": VALUE}
    tripwires.of_input(access.for_slug("acme"), [call])
    assert trap.raised() == []


def step_of(trap: Trap, *items: dict[str, Any]) -> tuple[Any, Any]:
    turn = make_turn()
    turn.tenant_id, turn.account.user_id = trap.cast.acme.pk, trap.cast.bob.pk
    tripwires.opened(turn, armed.of(trap.tenant))
    step = feed(turn, *items)
    tripwires.of_step(turn, step)
    return turn, step


def call_of(arguments: str, name: str = "get_invoice") -> dict[str, Any]:
    return {"type": "function_call", "id": "fc_up", "call_id": "call_1", "name": name, "arguments": arguments}


@pytest.mark.parametrize("dress", PROMISED)
def test_argument_raises_an_alert_and_is_refused(trap: Trap, dress: str) -> None:
    _, step = step_of(trap, call_of(json.dumps({"id": DRESSES[dress](OTHER)})))
    assert (trap.raised(), step.calls[0].refused) == ([], "")
    _, step = step_of(trap, call_of(json.dumps({"id": DRESSES[dress](VALUE)})))
    (row,) = trap.raised()
    assert (row.place, row.detail, row.who, row.stopped) == (Place.ARGUMENT, "get_invoice", "bob@example.com", True)
    assert (row.response_id, row.user_id) == ("resp_x", trap.cast.bob.pk)
    assert step.calls[0].refused == "denied"


def test_argument_is_let_through_where_the_choice_says_so(cast: Cast) -> None:
    trap = arm(cast, stops=False)
    _, step = step_of(trap, call_of(json.dumps({"id": VALUE})))
    assert step.calls[0].refused == ""
    assert [row.stopped for row in trap.raised()] == [False]


def test_argument_of_the_client_s_function_raises_an_alert(trap: Trap) -> None:
    step_of(trap, call_of(json.dumps({"id": VALUE}), "mine"))
    assert [(row.place, row.detail, row.stopped) for row in trap.raised()] == [(Place.ARGUMENT, "mine", False)]


@pytest.mark.parametrize("dress", PROMISED)
def test_words_of_the_model_raise_an_alert(trap: Trap, dress: str) -> None:
    for value, places in ((OTHER, []), (VALUE, [Place.OUTPUT])):
        said = {"type": "output_text", "text": f"It is {DRESSES[dress](value)}.", "annotations": []}
        step_of(trap, {"type": "message", "id": "msg_up", "role": "assistant", "content": [said]})
        assert trap.places() == places


def test_words_of_the_model_raise_none_where_the_choice_says_so(cast: Cast) -> None:
    trap = arm(cast, in_output=False)
    said = {"type": "output_text", "text": VALUE, "annotations": []}
    step_of(trap, {"type": "message", "id": "msg_up", "role": "assistant", "content": [said]})
    assert trap.raised() == []


@pytest.mark.parametrize("dress", PROMISED)
def test_outgoing_request_raises_an_alert_and_is_not_sent(trap: Trap, api: ToolApi, quick: None, dress: str) -> None:
    bench = Bench(trap.cast)
    api.handle("/v1/search", reply({"id": "in_1"}))
    parameters = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    request = {"url": f"{api.url}/v1/search", "method": "POST", "body": {"q": "{a}{b}"}}
    tool = bench.load("", credential=None, parameters=parameters, request=request)
    for value, state, places in ((OTHER, CallState.DONE, []), (VALUE, CallState.FAILED, [Place.OUTGOING])):
        # In two arguments: only the request has it whole.
        text = DRESSES[dress](value)
        call = bench.propose(tool, json.dumps({"a": text[:9], "b": text[9:]}))
        execution.run(call.pk)
        call.refresh_from_db()
        assert (call.state, trap.places()) == (state, places)
    assert shown(call)["error"] == "denied"
    assert len(api.requests) == 1
    (row,) = trap.raised()
    assert (row.stopped, row.response_id, row.detail) == (True, bench.response.pk, f"get_invoice, {api.host}")


def test_credential_of_a_call_is_not_looked_at(cast: Cast, api: ToolApi, quick: None) -> None:
    """The vault's values are no honeytokens, not even where somebody armed an equal one."""
    trap, bench = arm(cast), Bench(cast)
    bench.unlock(VALUE.encode())
    api.handle("/v1/invoices/in_1", reply({"id": "in_1"}))
    call = bench.propose(bench.load(f"{api.url}/v1/invoices/{{id}}"))
    execution.run(call.pk)
    assert shown(call)["error"] is None
    assert VALUE in api.requests[0].headers["authorization"]
    assert trap.raised() == []


def test_planted_value_goes_with_the_result(trap: Trap, api: ToolApi, quick: None) -> None:
    bench = Bench(trap.cast)
    tokens.plant(trap.token, VALUE, in_prompt=False, in_results=["get_invoice"], note="No: {value}", acting=bench.owner)
    api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    call = bench.propose(bench.load(f"{api.url}/v1/invoices/{{id}}", credential=None))
    execution.run(call.pk)
    assert json.loads(shown(call)["output"])["note"] == f"No: {VALUE}"
    assert trap.raised() == []


@pytest.mark.parametrize("output", ["null", "[1]", '{"note": "taken"}', '"text"'])
def test_planted_value_goes_with_any_result(trap: Trap, cast: Cast, output: str) -> None:
    tokens.plant(trap.token, VALUE, in_prompt=False, in_results=["f"], note="No: {value}", acting=cast.owner)
    told = json.loads(tripwires.with_planted(armed.of(trap.tenant), "f", output))
    assert told == {"result": json.loads(output), "note": f"No: {VALUE}"}
    assert tripwires.with_planted(armed.of(trap.tenant), "g", output) == output


def settled() -> None:
    """What `db.later` was given is done."""
    for future in [db._pool.submit(time.sleep, 0.01) for _ in range(16)]:
        future.result()


def wait_for(trap: Trap, count: int) -> list[Sighting]:
    """The workspace's alerts, once there are `count` in all."""
    until = time.monotonic() + 10
    while Sighting.objects.count() < count and time.monotonic() < until:
        settled()
    return trap.raised()


@pytest.mark.parametrize(
    "header", ["Bearer {}", "bearer  {} ", "Token {}", "Basic 64:{}", "Basic 64:{}:", "Basic 64:name:{}"]
)
def test_api_key_raises_an_alert_and_gets_the_answer_of_any_bad_key(trap: Trap, header: str) -> None:
    def said(value: str) -> str:
        scheme, _, rest = header.format(value).partition("64:")
        return scheme + base64.b64encode(rest.encode()).decode() if rest else scheme

    refusals = []
    for value in (OTHER, VALUE):
        with pytest.raises(access.Unauthenticated) as refusal:
            access.for_bearer(said(value), Act.CHAT)
        refusals.append(str(refusal.value))
    assert refusals[0] == refusals[1]
    (row,) = wait_for(trap, 1)
    assert (row.place, row.user_id, row.api_key_id) == (Place.API_KEY, None, None)


def test_api_key_s_check_takes_one_query_hit_or_miss(
    trap: Trap, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for value in (OTHER, VALUE):
        with django_assert_num_queries(1), pytest.raises(access.Unauthenticated):
            access.for_bearer(f"Bearer {value}", Act.CHAT)
    assert len(wait_for(trap, 1)) == 1


def test_fake_key_of_ours_is_seen_at_our_own_door(cast: Cast) -> None:
    token, value = tokens.make("env file", tokens.API_KEY, acting=cast.owner)
    with pytest.raises(access.Unauthenticated):
        access.for_bearer(f"Bearer {value}", Act.READ)
    (row,) = wait_for(Trap(cast, token), 1)
    assert row.name == "env file"


# --- what is raised --------------------------------------------------------------------------------------------------


def look(trap: Trap, text: str = VALUE, who: Who | None = None, place: Place = Place.MESSAGE) -> None:
    sightings.look(trap.tenant, [text], who or Who.of(trap.cast.principal(trap.cast.bob)), Where(place, "", "resp_1"))


def test_alert_is_in_the_trail_and_chained(trap: Trap) -> None:
    look(trap)
    row = AuditRow.objects.for_tenant(trap.cast.acme).get(verb="tripwire.sighted")
    assert (row.actor, row.subject) == ("bob@example.com", "bait")
    assert row.detail["response"] == "resp_1"


def test_alert_is_told_to_webhooks(trap: Trap, settings) -> None:
    settings.TOOL_ALLOWED_HOSTS = ["127.0.0.1:9"]
    endpoints.create("ci", "http://127.0.0.1:9/", [sightings.EVENT], acting=trap.cast.owner)
    look(trap)
    look(trap)
    body = json.loads(WebhookDelivery.objects.get().body)
    assert body["type"] == "deny_web.tripwire.sighted"
    assert body["data"]["honeytoken"] == "bait"
    assert VALUE not in json.dumps(body)


def test_alert_is_mailed_to_owners_and_admins_once(trap: Trap) -> None:
    look(trap)
    (row,) = trap.raised()
    for _ in range(2):
        telling.tell(row.pk)
    assert sorted(address for one in mail.outbox for address in one.to) == ["alice@example.com", "erin@example.com"]
    text = mail.outbox[0].body
    assert all(word in text for word in ("bait", "bob@example.com", "Chat message", "resp_1", "/console/tripwires/"))
    assert VALUE not in text


def test_one_who_left_gets_no_mail(trap: Trap) -> None:
    Membership.objects.filter(user=trap.cast.erin).update(role=Role.MEMBER)
    look(trap)
    telling.tell(trap.raised()[0].pk)
    assert [one.to for one in mail.outbox] == [["alice@example.com"]]


def test_mail_that_failed_is_tried_again_by_the_sweep(trap: Trap, settings, monkeypatch: pytest.MonkeyPatch) -> None:
    look(trap)
    (row,) = trap.raised()
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1", 9
    )  # fmt: skip
    with pytest.raises(OSError):  # noqa: PT011 - refused, or no route
        telling.tell(row.pk)
    asked: list[Any] = []
    monkeypatch.setattr(sightings, "enqueue", asked.append)
    telling.sweep(timezone.now())
    assert asked == []  # its task has a minute
    telling.sweep(timezone.now() + timedelta(minutes=2))
    assert asked == [row.pk]
    telling.sweep(timezone.now() + timedelta(days=2))
    assert asked == [row.pk]


def test_repeated_sighting_counts_one_alert_up(trap: Trap) -> None:
    for _ in range(3):
        look(trap)
    (row,) = trap.raised()
    assert row.count == 3
    assert Honeytoken.objects.get().sighted == 3
    assert AuditRow.objects.filter(verb="tripwire.sighted").count() == 1


def test_another_place_or_person_or_time_is_another_alert(trap: Trap) -> None:
    look(trap)
    look(trap, place=Place.OUTPUT)
    look(trap, who=Who.of(trap.cast.owner))
    assert len(trap.raised()) == 3
    Sighting.objects.update(first_at=timezone.now() - sightings.AGAIN)
    look(trap)
    assert len(trap.raised()) == 4


def test_acknowledged_alert_counts_nothing_up(trap: Trap) -> None:
    look(trap)
    Sighting.objects.update(acknowledged_at=timezone.now())
    look(trap)
    assert [row.count for row in trap.raised()] == [1, 1]


def test_disarmed_value_raises_nothing(trap: Trap) -> None:
    tokens.change(trap.token, armed=False, acting=trap.cast.owner)
    look(trap)
    with pytest.raises(access.Unauthenticated):
        access.for_bearer(f"Bearer {VALUE}", Act.CHAT)
    settled()
    assert trap.raised() == []


# --- other workspaces ------------------------------------------------------------------------------------------------


def test_value_seen_in_another_workspace_raises_and_tells_nothing(trap: Trap) -> None:
    charlie = access.for_session(trap.cast.charlie, "elsewhere", Act.CHAT)
    tripwires.of_input(charlie, [message(VALUE)])
    assert not Sighting.objects.exists()
    arm_there = tokens.arm_own("theirs", OTHER, acting=charlie)
    charlie = access.for_session(trap.cast.charlie, "elsewhere", Act.CHAT)
    tripwires.of_input(charlie, [message(f"{VALUE} {OTHER}")])
    (row,) = Sighting.objects.all()
    assert (row.tenant_id, row.token_id) == (trap.cast.elsewhere.pk, arm_there.pk)


def test_key_that_two_workspaces_armed_is_told_to_both(trap: Trap) -> None:
    charlie = access.for_session(trap.cast.charlie, "elsewhere", Act.VAULT_WRITE)
    tokens.arm_own("theirs", VALUE, acting=charlie)
    with pytest.raises(access.Unauthenticated):
        access.for_bearer(f"Bearer {VALUE}", Act.CHAT)
    wait_for(trap, 2)
    assert sorted(Sighting.objects.values_list("name", flat=True)) == ["bait", "theirs"]


# --- the tool that an alert calls ------------------------------------------------------------------------------------


@pytest.fixture
def hooked(trap: Trap, api: ToolApi, quick: None) -> Bench:
    bench = Bench(trap.cast)
    api.handle("/v1/rotate", reply({"id": "done"}))
    parameters = {"type": "object", "properties": {"id": {"type": "string"}}}
    bench.load("", credential=None, parameters=parameters, request={"url": f"{api.url}/v1/rotate", "method": "POST"})
    tokens.set_hook(trap.token, "get_invoice", '{"id": "x"}', acting=bench.owner)
    return bench


def hook_of(trap: Trap) -> Sighting:
    look(trap)
    row = trap.raised()[-1]
    telling.tell(row.pk)
    row.refresh_from_db()
    return row


def test_hook_calls_its_tool_once(trap: Trap, hooked: Bench, api: ToolApi) -> None:
    row = hook_of(trap)
    telling.tell(row.pk)
    assert row.hook == Sighting.Hook.CALLED
    assert row.hook_call
    execution.run(row.hook_call)
    assert [seen.target for seen in api.requests] == ["/v1/rotate"]
    look(trap, who=Who.of(trap.cast.owner))  # another alert within ten minutes
    assert [one.hook for one in trap.raised()] == ["called", ""]


def test_hook_does_not_outlive_its_chooser_or_its_version(trap: Trap, hooked: Bench, api: ToolApi) -> None:
    Membership.objects.filter(user=trap.cast.alice).update(role=Role.MEMBER)
    assert "may not call it" in hook_of(trap).hook_reason
    Membership.objects.filter(user=trap.cast.alice).update(role=Role.OWNER)
    Sighting.objects.all().delete()
    hooked.load(f"{api.url}/v1/other/{{id}}", credential=None)
    row = hook_of(trap)
    assert row.hook == Sighting.Hook.REFUSED
    assert "changed since" in row.hook_reason
    assert api.requests == []


def test_turn_s_row_gives_who_sent_it(trap: Trap) -> None:
    key = make_key(trap.cast)
    principal = access.for_bearer(f"Bearer {key}", Act.CHAT)
    assert principal.api_key
    row = Response.objects.create(
        tenant=trap.cast.acme, door=Door.API, request={}, user=principal.user, api_key=principal.api_key
    )
    assert Who.by_ids(row.user_id, row.api_key_id) == Who.of(principal)
