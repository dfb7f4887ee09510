"""The tools' console pages and the first-tool step: who may, and what they show."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from chat import tasks
from chat.models import Tool, ToolCall
from chat.tools import actions
from tests import tool_api
from tests.tool_api import reply, tool
from tests.tool_bench import KEY, PASSWORD, Bench
from vault import compartments, entries, leases

URL = "https://api.example.com/v1/invoices/{id}"
WRITES = [
    ("tools_add", {}),
    ("tool", {"name": "get_invoice"}),
    ("tool_switch", {"name": "get_invoice"}),
    ("tool_delete", {"name": "get_invoice"}),
    ("tool_call", {"call_id": "00000000-0000-4000-8000-000000000000"}),
    ("start_tool", {}),
]


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice(cast) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def made(cast) -> Tool:
    return actions.load_tools(cast.acme, [tool(URL)], actor=cast.owner)[0]


def address(page: str, /, **kwargs: object) -> str:
    return reverse(page, kwargs={"slug": "acme", **kwargs})


@pytest.mark.parametrize(("name", "kwargs"), [*WRITES, ("tools", {})])
def test_an_outsider_gets_404(cast, made, name, kwargs):
    client = signed_in(cast.charlie)
    for method in (client.get, client.post):
        assert method(address(name, **kwargs)).status_code in (404, 405)


@pytest.mark.parametrize(("name", "kwargs"), WRITES)
@pytest.mark.parametrize("who", ["bob", "dave"])
def test_a_member_and_a_viewer_may_not_write(cast, made, name, kwargs, who):
    client = signed_in(getattr(cast, who))
    for method in (client.get, client.post):
        assert method(address(name, **kwargs)).status_code in (403, 405)


def test_a_viewer_sees_the_list_without_its_acts(cast, made):
    page = signed_in(cast.dave).get(address("tools"))
    assert b"get_invoice" in page.content
    assert b"Switch off" not in page.content
    assert b"Add a tool" not in page.content


def test_the_empty_list_says_what_to_do(alice):
    assert b"No tools yet" in alice.get(address("tools")).content


def test_a_tool_is_loaded_from_text(alice, cast):
    answer = alice.post(address("tools_add"), {"definition": json.dumps(tool(URL))})
    assert answer.headers["Location"] == address("tool", name="get_invoice")
    assert Tool.objects.for_tenant(cast.acme).count() == 1


def test_tools_are_loaded_from_a_file(alice, cast):
    file = SimpleUploadedFile("tools.json", json.dumps([tool(URL), tool(URL, name="other")]).encode())
    assert alice.post(address("tools_add"), {"file": file}).status_code == 302
    assert Tool.objects.for_tenant(cast.acme).count() == 2


@pytest.mark.parametrize("text", ["", "{", "7", '{"name": "x y"}', "[" * 50_000])
def test_a_definition_that_cannot_be_used_comes_back_with_its_reason(alice, text):
    page = alice.post(address("tools_add"), {"definition": text})
    assert page.status_code == 400
    assert b"errorlist" in page.content
    assert not Tool.objects.exists()


@pytest.mark.parametrize("starter", ["stripe-invoice", "github-issues", "bearer-get", "nonsense"])
def test_a_template_fills_the_form(alice, starter):
    page = alice.get(address("tools_add") + f"?starter={starter}")
    assert page.status_code == 200
    assert (b"api." in page.content) == (starter != "nonsense")


def test_every_template_is_a_tool():
    from chat.tools import definition, starters

    assert len(definition.parse([one.definition for one in starters.STARTERS])) == len(starters.STARTERS)


def test_a_tool_is_switched_off_and_on(alice, made):
    for enabled in ("off", "on"):
        alice.post(address("tool_switch", name="get_invoice"), {"enabled": enabled})
        made.refresh_from_db()
        assert made.enabled == (enabled == "on")


def test_deleting_asks_first(alice, made):
    where = address("tool_delete", name="get_invoice")
    assert b"stripe-prod" in alice.get(where).content
    assert Tool.objects.exists()
    alice.post(where)
    assert not Tool.objects.exists()


def test_the_tools_page_shows_what_is_missing(alice, made, cast, quick):
    assert b"The credential is not in the vault" in alice.get(address("tool", name="get_invoice")).content
    bench = Bench(cast)
    bench.unlock()
    page = alice.get(address("tool", name="get_invoice"))
    assert b"The vault is locked" not in page.content
    leases.lock(cast.acme, actor=cast.owner)
    assert b"The vault is locked" in alice.get(address("tool", name="get_invoice")).content


def test_trying_shows_both_sides_of_the_seam(alice, cast, settings, quick):
    bench = Bench(cast)
    bench.unlock()
    with tool_api.allowed(settings) as api:
        api.handle("/v1/invoices/in_1", reply({"id": "in_1", "amount_due": 4200}))
        bench.load(f"{api.url}/v1/invoices/{{id}}")
        answer = alice.post(address("tool", name="get_invoice"), {"args": '{"id": "in_1"}'})
        waiting = alice.get(answer.headers["Location"])
        assert b'http-equiv="refresh"' in waiting.content
        tasks.execute_tool_call(str(ToolCall.objects.get().pk))
        page = alice.get(answer.headers["Location"]).content.decode()
    assert 'http-equiv="refresh"' not in page
    assert "4200" in page
    assert "/v1/invoices/in_1" in page
    assert "stripe-prod" in page
    assert KEY.decode() not in page
    assert b"sk_live" not in waiting.content


def test_a_call_of_a_turn_has_no_page_among_the_tried(alice, cast, made):
    call = Bench(cast).propose(made)
    assert alice.get(address("tool_call", call_id=call.pk)).status_code == 404


# --- the first tool ---------------------------------------------------------------------------------------------


def test_the_step_brings_tool_and_credential_and_unlocks(alice, cast, quick):
    compartments.create(cast.acme, PASSWORD, actor=cast.owner)
    where = address("start_tool") + "?starter=stripe-invoice"
    page = alice.get(where)
    form = page.context["form"]
    filled = {"definition": form.initial["definition"], "value": KEY.decode(), "password": PASSWORD}
    answer = alice.post(where, filled)
    assert answer.status_code == 302
    assert Tool.objects.get().name == "get_stripe_invoice"
    assert leases.current(cast.acme.pk)


def test_the_step_says_when_the_password_is_wrong_and_shows_no_secret(alice, cast, quick):
    compartments.create(cast.acme, PASSWORD, actor=cast.owner)
    where = address("start_tool") + "?starter=stripe-invoice"
    filled = {"definition": json.dumps(tool(URL)), "value": KEY.decode(), "password": "not the one"}
    page = alice.post(where, filled)
    assert page.status_code == 403
    assert not Tool.objects.exists()
    assert b"not the one" not in page.content


def test_the_step_takes_a_credential_that_is_stored_already(alice, cast, quick):
    compartments.create(cast.acme, PASSWORD, actor=cast.owner)
    where = address("start_tool") + "?starter=stripe-invoice"
    text = alice.get(where).context["form"].initial["definition"]
    entries.put(cast.acme, "stripe-prod", KEY, password=PASSWORD, actor=cast.owner)
    half = alice.post(where, {"definition": text, "value": KEY.decode(), "password": ""})
    assert b"Enter the vault password" in half.content
    assert not Tool.objects.exists()
    assert alice.post(where, {"definition": text, "value": "", "password": ""}).status_code == 302
    assert Tool.objects.get().name == "get_stripe_invoice"
    assert entries.get(cast.acme, "stripe-prod", password=PASSWORD, actor=cast.owner) == KEY


def test_the_step_waits_for_the_vaults_password(alice):
    assert b"The vault has no password yet" in alice.get(address("start_tool") + "?starter=stripe-invoice").content


def test_the_step_offers_templates(alice):
    assert b"Stripe invoice" in alice.get(address("start_tool")).content


def test_a_tools_definition_can_be_changed(alice, made):
    page = alice.get(address("tools_add") + "?from=get_invoice")
    text = page.context["form"].initial["definition"]
    assert json.loads(text)["request"]["url"] == URL
    alice.post(address("tools_add"), {"definition": text.replace("Look up an invoice", "Find an invoice")})
    made.refresh_from_db()
    assert made.current is not None
    assert (made.current.n, made.current.definition["description"]) == (2, "Find an invoice")
