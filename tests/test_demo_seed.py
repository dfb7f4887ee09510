"""The demo workspace: made once, whole, unlocked, and with two accounts behind one label."""

import pytest
from django.test import override_settings

from chat.demo import seed, starters
from chat.demo.accounts import DEMO_KEY_CONTOSO, DEMO_KEY_NORTHWIND
from chat.models import Provider
from chat.tools.actions import all_tools
from tenants import demo, strength
from tenants.models import AuditRow
from vault import entries, leases

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant(monkeypatch):
    monkeypatch.setattr(demo, "_seeds", [])
    seed.register()
    with override_settings(DEMO=True):
        return demo.workspace().tenant


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


def test_the_demo_passwords_pass_the_gate_for_every_password():
    for password in (starters.DEMO_PASSWORD, starters.DEMO_OTHER_PASSWORD):
        strength.check(password, ["demo"])


def test_the_starters_tell_the_passwords_and_name_an_invoice():
    told = " ".join(starter.note + starter.text for starter in starters.starters())
    assert starters.DEMO_PASSWORD in told
    assert starters.DEMO_OTHER_PASSWORD in told
    assert "in_1Abc123" in told
