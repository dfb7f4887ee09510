"""A key's settings say which tools it is offered: chosen on its page, felt by the next request, never widened."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from chat import approvals, ledger, offers
from chat.errors import ApiError
from chat.ledger import ProposedCall
from chat.models import CallState, Door, Response, Status, Tool
from chat.tools import actions as tool_actions
from tenants import access, actions
from tenants.access import Act, Principal
from tenants.actions import Refused
from tenants.models import ApiKey, Role
from tests.cast import Cast
from tests.workspace import tool

pytestmark = pytest.mark.django_db
URL = "https://api.example.com"


@pytest.fixture
def tools(cast: Cast) -> None:
    made = [tool(URL), tool(URL, "pay"), tool(URL, "refund", approval="ask")]
    tool_actions.load_tools(cast.acme, made, actor=cast.owner)


def key_for(cast: Cast, *names: str, every: bool = False) -> tuple[ApiKey, Principal]:
    key, secret = actions.create_api_key("ci", acting=cast.owner, tools=None if every else names)
    return key, access.for_bearer(f"Bearer {secret}", Act.CHAT)


def offered(principal: Principal, **request: object) -> list[str]:
    return list(offers.asked(principal.tenant, principal.api_key, request))


@pytest.mark.db_matrix
def test_a_key_is_offered_what_its_settings_say(cast, tools):
    assert offered(key_for(cast, every=True)[1]) == ["get_invoice", "pay", "refund"]
    assert offered(key_for(cast, "pay", "gone")[1]) == ["pay"]
    assert offered(key_for(cast)[1]) == []
    assert offered(cast.owner) == ["get_invoice", "pay", "refund"]  # a person in the browser


def test_a_request_cannot_widen_what_its_key_has(cast, tools):
    _, narrow = key_for(cast, "pay")
    answers = []
    for wanted in ("get_invoice", "never_was"):
        for form in (
            {"deny_web:tools": [wanted]},
            {"tools": [{"type": "mcp", "server_label": "deny_web", "allowed_tools": [wanted]}]},
            {"tool_choice": {"type": "mcp", "server_label": "deny_web", "name": wanted}},
        ):
            with pytest.raises(ApiError) as caught:
                offered(narrow, **form)
            answers.append((caught.value.status, caught.value.as_body()))
    assert answers[:3] == answers[3:]


def test_a_tool_of_another_workspace_is_none(cast, tools):
    tool_actions.load_tools(
        cast.elsewhere, [tool(URL, "theirs")], actor=Principal(cast.elsewhere, Role.OWNER, cast.charlie)
    )
    with pytest.raises(ApiError) as caught:
        offered(key_for(cast, every=True)[1], **{"deny_web:tools": ["theirs"]})
    assert caught.value.code == "tool_not_offered"


def test_a_function_of_the_client_s_hides_a_tool(cast, tools):
    mine = {"type": "function", "name": "pay"}
    assert offered(cast.owner, tools=[mine]) == ["get_invoice", "refund"]


@pytest.mark.db_matrix
def test_a_turn_that_is_taken_over_is_offered_what_its_key_has_by_then(cast, tools):
    key, principal = key_for(cast, "pay", "refund")
    request = {"tools": [{"type": "mcp", "server_label": "deny_web", "allowed_tools": ["pay", "refund"]}]}
    row = Response.objects.create(
        tenant=cast.acme, user=cast.alice, api_key=key, door=Door.BACKGROUND, status=Status.QUEUED, request=request
    )
    assert list(offers.still(row)) == ["pay", "refund"]
    actions.change_key_tools(key, ["refund"], acting=cast.owner)
    Tool.objects.filter(name="refund").update(enabled=False)
    assert list(offers.still(Response.objects.get(pk=row.pk))) == []
    assert principal.api_key is not None


def test_a_key_approves_no_call_of_a_tool_that_it_is_not_offered(cast, tools):
    wide, principal = key_for(cast, every=True)
    row = Response.objects.create(
        tenant=cast.acme, user=cast.alice, api_key=wide, door=Door.BACKGROUND, status=Status.IN_PROGRESS, request={}
    )
    version = Tool.objects.get(name="refund").current_id
    step = row.steps.create(n=0, epoch=1, upstream="u")
    ledger.propose(
        row.tenant_id, row.pk, step.pk, [ProposedCall("call_1", "mcp_1", "refund", '{"id": "1"}', version)], lease_id=""
    )
    _, narrow = key_for(cast, "pay")
    told = []
    for wanted in ("mcpr_1", "mcpr_2"):
        with pytest.raises(ApiError) as caught:
            approvals.decide(narrow, wanted, True)
        told.append((caught.value.status, caught.value.as_body()))
    assert told[0] == told[1]
    assert row.tool_calls.get().state == CallState.AWAITING_APPROVAL
    approvals.decide(principal, "mcpr_1", False)
    assert row.tool_calls.get().state == CallState.DENIED


def test_a_tool_that_was_switched_off_since_it_was_offered_is_not_called(cast, tools):
    row = Response.objects.create(
        tenant=cast.acme, user=cast.alice, door=Door.BROWSER, status=Status.IN_PROGRESS, request={}
    )
    step = row.steps.create(n=0, epoch=1, upstream="u")
    version = Tool.objects.get(name="pay").current_id
    Tool.objects.filter(name="pay").update(enabled=False)
    ledger.propose(
        row.tenant_id, row.pk, step.pk, [ProposedCall("call_1", "mcp_1", "pay", '{"id": "1"}', version)], lease_id=""
    )
    assert (row.tool_calls.get().result or {})["error"] == "tool_not_found"


# --- the page ---------------------------------------------------------------------------------------------------


def test_a_key_is_made_with_its_tools(cast, tools, client: Client):
    client.force_login(cast.alice)
    url = reverse("keys", args=["acme"])
    client.post(url, {"name": "ci", "role": "member", "offer": "chosen", "tools": ["pay"]})
    assert ApiKey.objects.get().tools == ["pay"]
    assert cast.acme.audit_rows.latest("n").detail == {"name": "ci", "role": "member", "tools": ["pay"]}
    for form in ({"offer": "chosen"}, {"offer": "all", "tools": ["pay"]}, {"tools": ["pay"]}):
        page = client.post(url, {"name": "ci", "role": "member", **form})
        assert page.context["form"].errors["offer"]
    assert ApiKey.objects.count() == 1
    page = client.post(url, {"name": "ci", "role": "member", "offer": "chosen", "tools": ["never_was"]})
    assert page.context["form"].errors["tools"]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"offer": "all"}, None),
        ({"offer": "none"}, []),
        ({"offer": "chosen", "tools": ["pay", "refund"]}, ["pay", "refund"]),
    ],
)
def test_a_key_s_tools_are_changed(cast, tools, client: Client, form, expected):
    key, _ = key_for(cast, "get_invoice", "gone")
    client.force_login(cast.erin)
    url = reverse("key_tools", args=["acme", key.pk])
    page = client.get(url).content.decode()
    assert 'value="get_invoice" id="id_tools_0" checked' in page
    assert 'value="gone"' in page  # a name that no tool has any more can stay
    assert client.post(url, form).status_code == 302
    key.refresh_from_db()
    assert key.tools == expected
    assert cast.acme.audit_rows.latest("n").verb == "key.tools"


def test_who_may_change_a_key_s_tools(cast, tools, client: Client):
    key, _ = key_for(cast, "pay")
    with pytest.raises(PermissionDenied):
        actions.change_key_tools(key, None, acting=cast.principal(cast.bob))
    owners, _ = actions.create_api_key("owner's", acting=cast.owner, role=Role.OWNER, tools=[])
    with pytest.raises(Refused):
        actions.change_key_tools(owners, None, acting=cast.principal(cast.erin))
    actions.revoke_api_key(key, acting=cast.owner)
    with pytest.raises(Refused):
        actions.change_key_tools(key, None, acting=cast.owner)
    client.force_login(cast.alice)
    assert client.get(reverse("key_tools", args=["acme", key.pk])).status_code == 404
