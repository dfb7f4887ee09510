"""This app's console section, overview line and onboarding step."""

from typing import Any

from celery.signals import worker_init

from tenants import access, console, onboarding
from tenants.access import Act
from tenants.console import Section, Todo
from tenants.models import Tenant
from tenants.onboarding import Step
from vault import compartments, memory
from vault.models import VaultEntry
from vault.pages import start, tripwires
from vault.tripwires import doors


def register_all() -> None:
    worker_init.connect(_harden, dispatch_uid="vault.harden")
    console.register(Section("vault", "Vault", "Vault", "vault", "vault", Act.READ, 110))
    console.register(Section("denysh", "deny.sh", "Vault", "lock", "denysh", Act.READ, 140))
    console.register(Section("tripwires", "Tripwires", "Vault", "bell", "tripwires", Act.VAULT_WRITE, 150))
    console.register_notice(tripwires.notice)
    access.on_unknown_key(doors.unknown_key)
    console.register_todo(Todo("vault", 10, _missing))
    onboarding.register(Step(start.STEP, "Set the vault password", 20, "start_vault", compartments.exists))


def _harden(**_: Any) -> None:
    memory.harden()


def _missing(tenant: Tenant) -> str | None:
    if not compartments.exists(tenant):
        return "Set a vault password; values are stored under it."
    # Whether a label holds anything, only a password can tell.
    has_label = VaultEntry.objects.for_tenant(tenant).exists()
    return None if has_label else "Store the first credential that tools shall use."
