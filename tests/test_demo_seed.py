"""The demo workspace: made once, whole, unlocked, and with two accounts behind one label."""

import pytest
from django.test import override_settings

from chat.demo import seed, starters
from chat.demo.accounts import DEMO_KEY_CONTOSO, DEMO_KEY_NORTHWIND
from chat.models import Provider
from chat.tools.actions import all_tools
from tenants import demo, strength
from tenants.models import AuditRow
from vault import entries, leases, rolling

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant(monkeypatch, quick):
    monkeypatch.setattr(demo, "_seeds", [])
    monkeypatch.setattr(demo, "_openers", [])
    seed.register()
    with override_settings(DEMO=True):
        yield demo.workspace().tenant


def test_the_demo_workspace_is_ready(tenant):
    [(tool, definition)] = all_tools(tenant)
    assert (tool.name, tool.enabled, definition.demo) == ("get_invoice", True, True)
    assert Provider.objects.for_tenant(tenant).get().kind == Provider.Kind.DEMO
    assert AuditRow.objects.filter(tenant=tenant).count() > 3


def test_each_password_opens_an_account_of_its_own(tenant):
    first = leases.current(tenant.id)
    assert first is not None, "the vault is unlocked from the start"
    assert entries.open_under_lease(tenant.id, seed.LABEL, first.id) == DEMO_KEY_NORTHWIND.encode()
    second = leases.unlock(tenant, starters.DEMO_OTHER_PASSWORD, actor="test")
    assert entries.open_under_lease(tenant.id, seed.LABEL, second.id) == DEMO_KEY_CONTOSO.encode()


def test_a_start_unlocks_it_again(tenant):
    leases.end(tenant.id)  # as a restart does, which takes Valkey's content along
    demo.one_time_url("http://127.0.0.1:8000")
    lease = leases.current(tenant.id)
    assert lease is not None
    assert entries.open_under_lease(tenant.id, seed.LABEL, lease.id) == DEMO_KEY_NORTHWIND.encode()


def test_a_start_leaves_a_vault_locked_that_a_person_locked(tenant):
    leases.lock(tenant, actor="test")
    demo.one_time_url("http://127.0.0.1:8000")
    assert leases.current(tenant.id) is None


def test_a_start_leaves_the_second_password_s_lease(tenant):
    second = leases.unlock(tenant, starters.DEMO_OTHER_PASSWORD, actor="test")
    demo.one_time_url("http://127.0.0.1:8000")
    assert leases.current(tenant.id) == second


def test_a_start_goes_on_when_the_password_was_changed(tenant, caplog):
    rolling.roll(tenant, starters.DEMO_PASSWORD, "quite another one, 9 llamas", actor="test")
    leases.end(tenant.id)
    assert "token=" in demo.one_time_url("http://127.0.0.1:8000")
    assert leases.current(tenant.id) is None
    assert "WrongPassword" in caplog.text


def test_the_demo_passwords_pass_the_gate_for_every_password():
    for password in (starters.DEMO_PASSWORD, starters.DEMO_OTHER_PASSWORD):
        strength.check(password, ["demo"])


def test_the_starters_tell_the_passwords_and_name_an_invoice():
    told = " ".join(starter.note + starter.text for starter in starters.starters())
    assert starters.DEMO_PASSWORD in told
    assert starters.DEMO_OTHER_PASSWORD in told
    assert "in_1Abc123" in told
