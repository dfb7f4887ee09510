"""The vault's pages: who may do what, forms that work without script, refusals in place with their status."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.models import User
from tests.vault_cast import FIRST, NEW, SECOND, WRONG, Vault
from vault import compartments, entries, leases, limits, worker
from vault.models import DenyServer, VaultEntry

SECRET = "sk_live_planted_51Hq8Zx"


@pytest.fixture
def stocked(vault: Vault) -> Vault:
    entries.put(vault.tenant, "stripe-prod", SECRET.encode(), password=FIRST, actor="operator")
    return vault


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice(stocked: Vault) -> Client:
    return client_of(stocked.cast.alice)


def url(name: str, slug: str = "acme") -> str:
    keywords: dict[str, Any] = {"slug": slug}
    if name in {"vault_entry", "vault_replace", "vault_reveal", "vault_delete", "vault_purge"}:
        keywords["pk"] = VaultEntry.objects.get().pk
    return reverse(name, kwargs=keywords)


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


WRITES = {
    "vault_create": {"password": NEW, "again": NEW},
    "vault_unlock": {"password": FIRST},
    "vault_lock": {},
    "vault_unattended": {},
    "vault_add": {"label": "new", "value": "x", "password": FIRST},
    "vault_password": {"act": "change", "keep_1": FIRST, "new": NEW},
    "vault_replace": {"value": "x", "password": FIRST},
    "vault_reveal": {"password": FIRST},
    "vault_delete": {"password": FIRST},
    "vault_purge": {"word": "stripe-prod"},
}


@pytest.mark.parametrize("name", ["vault", "vault_entry", *WRITES])
def test_a_stranger_gets_404_and_nobody_the_sign_in_page(stocked: Vault, name: str) -> None:
    where, fields = url(name), WRITES.get(name)
    for client, status in ((client_of(stocked.cast.charlie), 404), (Client(), 302)):
        response = client.get(where) if fields is None else client.post(where, fields)
        assert response.status_code == status
        assert SECRET not in text(response)
    assert entries.get(stocked.tenant, "stripe-prod", password=FIRST, actor="operator") == SECRET.encode()


@pytest.mark.parametrize("name", ["vault_entry", *WRITES])
@pytest.mark.parametrize("person", ["bob", "dave"])
def test_a_member_or_viewer_may_neither_write_nor_unlock_nor_reveal(stocked: Vault, person: str, name: str) -> None:
    client, fields = client_of(getattr(stocked.cast, person)), WRITES.get(name)
    response = client.get(url(name)) if fields is None else client.post(url(name), fields)
    assert response.status_code == 403
    assert leases.current(stocked.tenant.pk) is None
    assert SECRET not in text(response)


def test_a_member_sees_labels_and_state_and_no_form(stocked: Vault) -> None:
    page = text(client_of(stocked.cast.bob).get(url("vault")))
    assert "stripe-prod" in page
    assert "Locked." in page
    assert 'type="password"' not in page


@pytest.mark.parametrize("name", WRITES)
def test_a_post_without_the_token_is_refused(stocked: Vault, name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(stocked.cast.alice)
    assert client.post(url(name), WRITES[name]).status_code == 403
    assert leases.current(stocked.tenant.pk) is None


def test_another_workspaces_entry_is_as_absent_as_one_that_never_was(stocked: Vault) -> None:
    charlie, keywords = client_of(stocked.cast.charlie), {"slug": "elsewhere"}
    answers = []
    for pk in (VaultEntry.objects.get().pk, uuid.uuid4()):
        answer = charlie.post(reverse("vault_reveal", kwargs={**keywords, "pk": pk}), {"password": FIRST})
        answers.append((answer.status_code, answer.content.replace(str(pk).encode(), b"")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def test_unlock_and_lock_by_form(alice: Client, stocked: Vault) -> None:
    response = alice.post(url("vault_unlock"), {"password": FIRST, "ttl": "900", "next": "/t/acme/chat/?x=1"})
    assert (response.status_code, response.headers["Location"]) == (302, "/t/acme/chat/?x=1")
    page = text(alice.get(url("vault")))
    assert "Unlocked." in page
    assert "Lock now" in page
    response = alice.post(url("vault_lock"))
    assert response.headers["Location"] == url("vault")
    assert "Locked." in text(alice.get(url("vault")))


def test_the_latch_is_shown_and_handed_back(alice: Client, stocked: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_PASSWORD_ACME", FIRST)
    worker._refused.clear()
    tenant = stocked.tenant.pk
    page = text(alice.get(url("vault")))
    assert 'data-latched="no"' in page
    assert "VAULT_PASSWORD_ACME" in page
    assert url("vault_unattended") not in page
    alice.post(url("vault_unlock"), {"password": FIRST})
    lease = leases.current(tenant)
    assert lease is not None
    page = text(alice.get(url("vault")))
    assert 'data-latched="yes"' in page
    assert "stays unused until it is handed back" in page
    assert alice.post(url("vault_unattended")).status_code == 302
    assert 'data-latched="no"' in text(alice.get(url("vault")))
    assert leases.current(tenant) is None  # a person's lease ends with it
    assert entries.open_under_lease(tenant, "stripe-prod", "") == SECRET.encode()
    assert stocked.verbs()[1:] == ["vault.unlock", "vault.unlock", "vault.unlock"]


def test_the_latch_is_not_for_who_may_not_unlock_nor_where_tools_do_not_use_the_vault(
    alice: Client, stocked: Vault
) -> None:
    assert "data-latched" not in text(client_of(stocked.cast.bob).get(url("vault")))
    DenyServer.objects.create(tenant=stocked.tenant, base_url="https://deny.example.com/api", sealed=b"")
    assert "data-latched" not in text(alice.get(url("vault")))


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil.example"]
)
def test_unlocking_leads_to_no_other_site(alice: Client, target: str) -> None:
    response = alice.post(url("vault_unlock"), {"password": FIRST, "next": target})
    assert response.headers["Location"] == url("vault")


def test_a_wrong_password_is_said_in_place(alice: Client, stocked: Vault) -> None:
    response = alice.post(url("vault_unlock"), {"password": WRONG})
    assert response.status_code == 403
    assert "opens nothing here" in text(response)
    assert WRONG not in text(response)
    assert leases.current(stocked.tenant.pk) is None


def test_unlock_and_lock_by_json(alice: Client, stocked: Vault) -> None:
    def post(name: str, body: object) -> tuple[int, Any]:
        answer = alice.post(url(name), body, content_type="application/json", headers={"Accept": "application/json"})
        return answer.status_code, answer.json()

    status, body = post("vault_unlock", {"password": FIRST, "ttl": 60})
    lease = leases.current(stocked.tenant.pk)
    assert lease is not None
    assert (lease.expires_at - timezone.now()).total_seconds() <= 60
    assert (status, body["locked"]) == (200, False)
    assert body["expires_at"].startswith(f"{lease.expires_at:%Y-%m-%dT%H:%M:%S}")
    assert post("vault_lock", {}) == (200, {"locked": True, "expires_at": None})
    refused = [
        ({"password": WRONG}, 403, "wrong_password"),
        ({}, 400, "invalid"),
        ([], 400, "invalid"),
        ({"password": FIRST, "ttl": -1}, 400, "invalid"),
    ]
    for wrong, status, code in refused:
        answer = post("vault_unlock", wrong)
        assert (answer[0], answer[1]["error"]["code"]) == (status, code)


def test_json_says_who_may_not(stocked: Vault) -> None:
    for client, status in ((Client(), 401), (client_of(stocked.cast.bob), 403), (client_of(stocked.cast.charlie), 404)):
        answer = client.post(url("vault_unlock"), {"password": FIRST}, headers={"Accept": "application/json"})
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_add_replace_reveal_delete_purge(alice: Client, stocked: Vault) -> None:
    entries.purge(stocked.tenant, "stripe-prod", actor="operator")
    key = "-----BEGIN KEY-----\r\nabc\r\n-----END KEY-----\r\n"
    response = alice.post(
        url("vault_add"), {"label": "tls", "value": key, "password": FIRST, "band": "4096"}, follow=True
    )
    assert "tls is stored." in text(response)
    stored = entries.get(stocked.tenant, "tls", password=FIRST, actor="operator")
    assert stored == b"-----BEGIN KEY-----\nabc\n-----END KEY-----"
    alice.post(url("vault_replace"), {"value": SECRET, "password": FIRST})
    assert SECRET not in text(alice.get(url("vault_entry")))
    response = alice.post(url("vault_reveal"), {"password": FIRST})
    assert SECRET in text(response)
    assert "no-store" in response.headers["Cache-Control"]
    alice.post(url("vault_delete"), {"password": FIRST})
    response = alice.post(url("vault_reveal"), {"password": FIRST})
    assert response.status_code == 200
    assert "holds no value under this password" in text(response)
    assert alice.post(url("vault_purge"), {"word": "tsl"}).status_code == 200
    assert alice.post(url("vault_purge"), {"word": "tls"}).status_code == 302
    assert not VaultEntry.objects.exists()


def test_a_value_that_is_not_text_is_shown_in_base64(alice: Client, stocked: Vault) -> None:
    entries.rotate(stocked.tenant, "stripe-prod", b"\xff\xfe", password=FIRST, actor="operator")
    page = text(alice.post(url("vault_reveal"), {"password": FIRST}))
    assert "//4=" in page
    assert "base64" in page


def test_a_label_alone_can_be_made(alice: Client, stocked: Vault) -> None:
    assert alice.post(url("vault_add"), {"label": "empty", "value": ""}).status_code == 302
    assert VaultEntry.objects.filter(label="empty").exists()
    response = alice.post(url("vault_add"), {"label": "other", "value": "x"})
    assert "Enter the vault password" in text(response)
    assert not VaultEntry.objects.filter(label="other").exists()


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"label": "a", "value": "x", "password": WRONG}, 403, "opens nothing here"),
        ({"label": "a\u202eb", "value": "x", "password": FIRST}, 400, "one line of visible characters"),
        ({"label": "a", "value": "x" * 1020, "password": FIRST}, 400, "1019 bytes"),
        ({"label": "stripe-prod", "value": "x", "password": FIRST, "band": "4096"}, 400, "band 1024"),
        ({"label": "", "value": "x", "password": FIRST}, 200, "This field is required"),
    ],
)
def test_a_value_that_cannot_be_added_is_said_in_place(
    alice: Client, fields: dict[str, str], status: int, sentence: str
) -> None:
    response = alice.post(url("vault_add"), fields)
    assert response.status_code == status
    assert sentence in text(response)
    assert FIRST not in text(response)


def test_labels_are_escaped(alice: Client, stocked: Vault) -> None:
    entries.purge(stocked.tenant, "stripe-prod", actor="operator")
    entries.make(stocked.tenant, "<script>alert(1)</script>", actor="operator")
    for name in ("vault", "vault_entry", "vault_purge"):
        assert "<script>alert" not in text(alice.get(url(name)))


def test_passwords_are_changed_and_added_in_one_form(alice: Client, stocked: Vault) -> None:
    page = text(alice.get(url("vault_password")))
    assert "may be overwritten" in page
    assert alice.post(url("vault_password"), {"act": "add", "keep_1": FIRST, "new": SECOND}).status_code == 302
    assert compartments.open_with(stocked.tenant, SECOND).right
    two = {"act": "change", "keep_1": FIRST, "keep_2": SECOND, "new": NEW}
    assert "One is changed at a time" in text(alice.post(url("vault_password"), two))
    assert alice.post(url("vault_password"), {"act": "change", "keep_1": FIRST, "new": NEW}).status_code == 302
    assert entries.get(stocked.tenant, "stripe-prod", password=NEW, actor="operator") == SECRET.encode()
    response = alice.post(url("vault_password"), {"act": "add", "keep_1": FIRST, "new": "easy"})
    assert response.status_code == 400
    assert "easy to guess" in text(response)


def test_tries_are_counted_before_the_derivation(
    alice: Client, derivations: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PER_MEMBER", 3)
    statuses = [alice.post(url("vault_reveal"), {"password": WRONG}).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert derivations() == 3
    answer = alice.post(url("vault_unlock"), {"password": FIRST}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


def test_an_address_is_limited_across_people(stocked: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PER_ADDRESS", 2)
    statuses = [
        client_of(user).post(url("vault_unlock"), {"password": WRONG}).status_code
        for user in (stocked.cast.alice, stocked.cast.erin, stocked.cast.alice)
    ]
    assert statuses == [403, 403, 429]


def test_the_way_in_makes_the_vault(vault: Vault) -> None:
    charlie = client_of(vault.cast.charlie)
    step = reverse("start_vault", kwargs={"slug": "elsewhere"})
    page = text(charlie.get(step))
    assert "data-strength" in page
    for bad, sentence in (
        ({"password": "password1", "again": "password1"}, "easy to guess"),
        ({"password": NEW, "again": WRONG}, "differ"),
    ):
        assert sentence in text(charlie.post(step, bad))
    assert charlie.post(step, {"password": NEW, "again": NEW}).status_code == 302
    assert "has its password" in text(charlie.get(step))
    assert compartments.open_with(vault.cast.elsewhere, NEW).right


def test_a_workspace_without_a_vault_is_offered_one(vault: Vault) -> None:
    charlie = client_of(vault.cast.charlie)
    assert "Set the vault password" in text(charlie.get(url("vault", slug="elsewhere")))
    made = charlie.post(url("vault_create", slug="elsewhere"), {"password": NEW, "again": NEW})
    assert made.status_code == 302
    again = charlie.post(url("vault_create", slug="elsewhere"), {"password": NEW, "again": NEW})
    assert again.status_code == 409
