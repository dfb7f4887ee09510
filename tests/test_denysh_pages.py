"""The console's page for deny.sh: who may do what, and no secret is ever sent back."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import Conversation
from chat.tools import actions
from tenants import access
from tenants.models import User
from tests.cast import Cast
from tests.denysh_cast import PASSWORD
from tests.test_chatpage_transcript import add_turn
from tests.vault_cast import FIRST
from tests.workspace import tool
from vault import compartments
from vault.denysh import items, sealing, server
from vault.denysh.sealing import Sealed
from vault.models import SealedItem

pytestmark = pytest.mark.django_db
SECRET, KEY = "sk_live_planted_51Hq8Zx", "dk_planted_0123456789"
SERVER = {"base_url": "http://127.0.0.1:9/api", "key": KEY, "password": PASSWORD}


def url(name: str, **more: Any) -> str:
    return reverse(name, kwargs={"slug": "acme", **more})


def of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def item(cast: Cast) -> SealedItem:
    return items.store("stripe-prod", Sealed(bytes(32), bytes(16), b"x"), acting=cast.owner)


def test_everybody_of_the_workspace_sees_the_labels_and_admins_act(cast: Cast, item: SealedItem) -> None:
    for user, may in ((cast.alice, True), (cast.erin, True), (cast.bob, False), (cast.dave, False)):
        page = of(user).get(url("denysh")).content.decode()
        assert "stripe-prod" in page
        assert ("Add an item" in page, "Use this server" in page) == (may, may)
        for name, more in (("denysh_add", {}), ("denysh_delete", {"pk": item.pk})):
            assert of(user).get(url(name, **more)).status_code == (200 if may else 403)
    for name, more in (("denysh_add", {}), ("denysh_delete", {"pk": item.pk}), ("denysh_connect", {})):
        assert of(cast.bob).post(url(name, **more), SERVER).status_code == 403
    assert of(cast.bob).post(url("denysh_disconnect")).status_code == 403
    assert SealedItem.objects.exists()


def test_an_item_made_here_opens_with_the_sdk_s_format_alone(cast: Cast) -> None:
    form = {"label": "stripe-prod", "value": SECRET, "password": PASSWORD}
    answer = of(cast.alice).post(url("denysh_add"), form, follow=True)
    assert "is kept" in answer.content.decode()
    made = SealedItem.objects.get()
    assert sealing.open_sealed(items.fetch(str(made.pk), acting=cast.owner)[1], PASSWORD) == SECRET.encode()
    assert SECRET not in answer.content.decode()


def test_an_item_that_the_browser_sealed_is_kept_as_it_is(cast: Cast) -> None:
    made = sealing.seal(SECRET.encode(), PASSWORD)
    form = {"label": "stripe-prod", "sealed": made.pack().hex()}
    assert of(cast.alice).post(url("denysh_add"), form).status_code == 302
    assert items.fetch(str(SealedItem.objects.get().pk), acting=cast.owner)[1] == made


@pytest.mark.parametrize("sealed", ["xyz", "00" * 48, "00" * 10, "00" * (48 + sealing.LONGEST + 1)])
def test_what_is_no_sealed_item_is_refused_in_place(cast: Cast, sealed: str) -> None:
    answer = of(cast.alice).post(url("denysh_add"), {"label": "stripe-prod", "sealed": sealed})
    assert answer.context["form"].errors
    assert not SealedItem.objects.exists()


@pytest.mark.parametrize("change", [{"password": "password1"}, {"label": ""}, {"label": "a\nb"}, {"value": ""}])
def test_a_refused_form_sends_nothing_back(cast: Cast, change: dict[str, str]) -> None:
    form = {"label": "stripe-prod", "value": SECRET, "password": PASSWORD, **change}
    answer = of(cast.alice).post(url("denysh_add"), form)
    assert answer.status_code in {200, 400}
    assert not SealedItem.objects.exists()
    for secret in (SECRET, PASSWORD, "password1"):
        assert secret not in answer.content.decode()


def test_deleting_asks_first(cast: Cast, item: SealedItem) -> None:
    alice = of(cast.alice)
    assert "Delete stripe-prod" in alice.get(url("denysh_delete", pk=item.pk)).content.decode()
    assert SealedItem.objects.exists()
    assert alice.post(url("denysh_delete", pk=item.pk)).status_code == 302
    assert not SealedItem.objects.exists()


def test_another_workspaces_item_is_as_absent_as_one_that_never_was(cast: Cast, item: SealedItem) -> None:
    charlie = of(cast.charlie)
    answers = set()
    for pk in (item.pk, uuid.UUID(int=7)):
        for method in (charlie.get, charlie.post):
            answer = method(reverse("denysh_delete", kwargs={"slug": "elsewhere", "pk": pk}))
            answers.add((answer.status_code, answer.content.replace(str(pk).encode(), b"")))
    assert {status for status, _ in answers} == {404}
    assert len(answers) == 1
    assert SealedItem.objects.exists()


def test_a_server_is_named_kept_and_given_up(cast: Cast, settings: Any) -> None:
    settings.TOOL_ALLOWED_HOSTS = ["127.0.0.1:9"]
    alice = of(cast.alice)
    assert alice.post(url("denysh_connect"), SERVER).status_code == 302
    page = alice.get(url("denysh")).content.decode()
    assert SERVER["base_url"] in page
    assert KEY not in page
    assert PASSWORD not in page
    alice.post(url("denysh_connect"), {"base_url": SERVER["base_url"], "key": "", "password": ""})
    found = server.of(cast.acme.pk)
    assert found
    assert (found.key, found.password) == (KEY, PASSWORD)
    alice.post(url("denysh_disconnect"))
    assert server.named(cast.acme) is None


def test_pages_say_that_the_server_gives_the_credentials_and_not_the_vault(cast: Cast) -> None:
    compartments.create(cast.acme, FIRST, actor="operator")
    actions.load_tools(cast.acme, [tool("https://api.example.com")], actor=cast.owner)
    row = Conversation.objects.create(tenant=cast.acme, created_by=cast.alice, title="Mine", changed_at=timezone.now())
    refused: dict[str, Any] = {"type": "mcp_call", "id": "mcp_1", "name": "get_invoice", "status": "failed"}
    refused["error"] = {"content": {"error": "vault_locked", "status": 423}}
    add_turn(row, "Hello?", refused)
    alice, chat = of(cast.alice), f"/t/acme/chat/{row.pk}/"
    locked, of_server = "Vault locked", "The deny.sh server refused its key"
    shown = [alice.get(address).content.decode() for address in (chat, "/t/acme/console/tools/named/get_invoice/")]
    assert (locked in shown[0], of_server in shown[0], 'id="unlock"' in shown[0]) == (True, False, True)
    assert "The vault is locked" in shown[1]
    server.connect("http://127.0.0.1:9/api", key=KEY, password=PASSWORD, acting=access.for_slug("acme"))
    shown = [alice.get(address).content.decode() for address in (chat, "/t/acme/console/tools/named/get_invoice/")]
    assert (locked in shown[0], of_server in shown[0], 'id="unlock"' in shown[0]) == (False, True, False)
    assert "Credentials from 127.0.0.1:9" in shown[0]
    assert "The vault is locked" not in shown[0] + shown[1]
    assert "Tools do not use this vault" in alice.get("/t/acme/console/vault/").content.decode()


def test_a_private_address_is_refused_in_place(cast: Cast) -> None:
    answer = of(cast.alice).post(url("denysh_connect"), SERVER)
    assert "private" in answer.content.decode()
    assert KEY not in answer.content.decode()
    assert server.named(cast.acme) is None
