"""What a sighting raises, for whom, and the tool that it calls."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from chat import tripwires
from chat.models import Door, Response
from chat.tools import execution
from tenants import access
from tenants.access import Act
from tenants.models import AuditRow, Membership, Role, WebhookDelivery
from tenants.webhooks import endpoints
from tests import tool_api
from tests.cast import Cast, make_key
from tests.tool_api import ToolApi, reply
from tests.tool_bench import Bench
from tests.tripwire_cast import OTHER, VALUE, Trap, arm, message, settled, wait_for
from vault.models import Honeytoken, Sighting
from vault.tripwires import sightings, telling, tokens
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


def look(
    trap: Trap, text: str = VALUE, who: Who | None = None, place: Place = Place.MESSAGE, detail: str = "", **more: Any
) -> None:
    where = Where(place, detail, "resp_1", **more)
    sightings.look(trap.tenant, [text], who or Who.of(trap.cast.principal(trap.cast.bob)), where)


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


SCOPE = {"type": "http", "method": "GET", "path": "/v1/models", "client": ("203.0.113.7", 4711)}


def test_api_key_s_alert_tells_address_and_route_everywhere(trap: Trap, client: Any, settings) -> None:
    """They are the only lead."""
    settings.TOOL_ALLOWED_HOSTS = ["127.0.0.1:9"]
    endpoints.create("ci", "http://127.0.0.1:9/", [sightings.EVENT], acting=trap.cast.owner)
    socket = {
        "type": "websocket",
        "path": "/v1/responses",
        "client": ("2001:db8::1", 1),
        "headers": [(b"authorization", f"Bearer {VALUE}".encode())],
    }
    with pytest.raises(access.Unauthenticated):
        access.for_bearer(f"Bearer {VALUE}", Act.CHAT, SCOPE)
    wait_for(trap, 1)
    with pytest.raises(access.Unauthenticated):
        access.for_socket(socket, Act.READ)
    rows = wait_for(trap, 2)
    told = ["203.0.113.7, GET /v1/models", "2001:db8::1, socket /v1/responses"]
    assert [row.detail for row in rows] == told
    trail = AuditRow.objects.filter(verb="tripwire.sighted").order_by("n")
    assert [row.detail["detail"] for row in trail] == told
    hooks = WebhookDelivery.objects.order_by("pk")
    assert sorted(json.loads(one.body)["data"]["detail"] for one in hooks) == sorted(told)
    telling.tell(rows[0].pk)
    assert told[0] in mail.outbox[0].body
    client.force_login(trap.cast.alice)
    page = client.get("/t/acme/console/tripwires/").content.decode()
    assert all(one in page for one in told)


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


def test_another_tool_or_conversation_is_another_alert(trap: Trap) -> None:
    """Each has its audit row: what a thief tried next is what one wants to know."""
    for detail, conversation in (("mail", "conv_1"), ("mail", "conv_2"), ("shell", "conv_2"), ("shell", "conv_2")):
        look(trap, place=Place.ARGUMENT, detail=detail, conversation_id=conversation)
    assert [(row.detail, row.conversation_id, row.count) for row in trap.raised()] == [
        ("mail", "conv_1", 1), ("mail", "conv_2", 1), ("shell", "conv_2", 2)
    ]  # fmt: skip
    rows = AuditRow.objects.filter(verb="tripwire.sighted").order_by("n")
    assert [row.detail["detail"] for row in rows] == ["mail", "mail", "shell"]


def test_alert_that_is_counted_up_says_that_a_call_was_refused(trap: Trap) -> None:
    for stopped in (False, True, False):
        look(trap, place=Place.ARGUMENT, detail="mail", stopped=stopped)
    assert [(row.stopped, row.count) for row in trap.raised()] == [(True, 3)]


def test_flood_of_different_details_makes_few_alerts_and_says_so(trap: Trap, client: Any) -> None:
    for n in range(2 * sightings.APART):
        look(trap, place=Place.ARGUMENT, detail=f"tool_{n}", conversation_id=f"conv_{n}", stopped=n > 30)
    look(trap, place=Place.ARGUMENT, detail="tool_0", conversation_id="conv_0")  # which has an alert of its own
    *apart, merged = trap.raised()
    assert [row.count for row in apart] == [2] + [1] * (sightings.APART - 1)
    assert (merged.count, merged.detail, merged.conversation_id) == (sightings.APART, Sighting.MERGED, "")
    assert merged.stopped
    assert AuditRow.objects.filter(verb="tripwire.sighted").count() == sightings.APART + 1
    client.force_login(trap.cast.alice)
    assert f"Tool argument: {Sighting.MERGED}" in client.get("/t/acme/console/tripwires/").content.decode()


def test_flood_in_one_place_hides_no_other_place_or_person(trap: Trap) -> None:
    for n in range(sightings.APART + 2):
        look(trap, place=Place.API_KEY, detail=f"203.0.113.{n}, GET /v1/models")
    look(trap, place=Place.ARGUMENT, detail="mail")
    look(trap, place=Place.API_KEY, detail="198.51.100.1, GET /v1/models", who=Who("somebody else"))
    assert [row.detail for row in trap.raised()[-2:]] == ["mail", "198.51.100.1, GET /v1/models"]


def test_acknowledging_lets_no_flood_through(trap: Trap) -> None:
    for n in range(2 * sightings.APART):
        look(trap, detail=f"tool_{n}")
        Sighting.objects.exclude(detail=Sighting.MERGED).update(acknowledged_at=timezone.now())
    assert len(trap.raised()) == sightings.APART + 1


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
