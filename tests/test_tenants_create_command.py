"""`manage.py create_tenant`: all of a workspace or none of it, and no secret but the new key comes out."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tenants import access, audit
from tenants.access import Act
from tenants.models import ApiKey, Role, Tenant, User
from tests.cast import make_cast, make_person
from vault import compartments

pytestmark = pytest.mark.django_db
OWNER, VAULT = "kettle-orbit-mango-thistle", "violet-anchor-pepper-canyon"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNER_PASSWORD", OWNER)
    monkeypatch.setenv("VAULT_PASSWORD", VAULT)


def create(*arguments: str) -> None:
    call_command("create_tenant", "Acme", "--slug", "acme", "--owner", "frank@example.com", *arguments)


def test_workspace_is_ready_at_once(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    create("--json")
    out = capsys.readouterr().out
    made = json.loads(out)
    assert (made["tenant"], made["owner"]) == ("acme", "frank@example.com")
    assert OWNER not in out
    assert VAULT not in out
    principal = access.for_bearer(f"Bearer {made['api_key']}", Act.VAULT_WRITE)
    assert principal.tenant.slug == "acme"
    answer = client.post(reverse("account_login"), {"login": "frank@example.com", "password": OWNER})
    assert answer["Location"].startswith("/t/acme/")
    assert access.for_session(User.objects.get(), "acme", Act.TENANT_WRITE).role == Role.OWNER
    assert compartments.open_with(principal.tenant, VAULT).right
    assert audit.verify(principal.tenant).fault is None


def test_plain_output_names_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    create()
    assert f"api_key: dw_{ApiKey.objects.get().prefix}_" in capsys.readouterr().out


def test_second_time_is_refused_and_changes_nothing() -> None:
    cast = make_cast()
    with pytest.raises(CommandError, match="exists already"):
        create()
    assert not User.objects.filter(email="frank@example.com").exists()
    assert Tenant.objects.get(slug="acme") == cast.acme


@pytest.mark.parametrize("weak", ["OWNER_PASSWORD", "VAULT_PASSWORD"])
def test_weak_password_makes_nothing(weak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weak, "hunter2")
    with pytest.raises(CommandError, match="password") as refused:
        create()
    assert "hunter2" not in str(refused.value)
    assert not Tenant.objects.exists()
    assert not User.objects.exists()


@pytest.mark.parametrize("missing", ["OWNER_PASSWORD", "VAULT_PASSWORD"])
def test_missing_password_makes_nothing(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(CommandError, match=r"password|VAULT_PASSWORD"):
        create()
    assert not Tenant.objects.exists()


def test_known_owner_keeps_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    make_person("frank", OWNER)
    create()
    assert User.objects.get().check_password(OWNER)
    monkeypatch.setenv("OWNER_PASSWORD", "another-" + OWNER)
    with pytest.raises(CommandError, match="another password"):
        call_command("create_tenant", "B", "--slug", "b", "--owner", "frank@example.com")


def test_owner_is_an_address() -> None:
    with pytest.raises(CommandError, match="e-mail"):
        call_command("create_tenant", "B", "--slug", "b", "--owner", "frank")
