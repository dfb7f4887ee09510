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
