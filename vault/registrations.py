"""This app's console section, overview line and onboarding steps."""

from tenants import console, onboarding
from tenants.access import Act
from tenants.console import Section, Todo
from tenants.models import Tenant
from tenants.onboarding import Step
from vault import compartments
from vault.pages import start


def register_all() -> None:
    console.register(Section("vault", "Vault", "Vault", "vault", "vault", Act.READ, 110))
    console.register_todo(Todo("vault", 10, _missing))
    onboarding.register(Step(start.PASSWORD, "Set the vault password", 20, "start_vault", compartments.exists))
    onboarding.register(Step(start.VALUE, "Store a first credential", 40, "start_credential", start.has_value))


def _missing(tenant: Tenant) -> str | None:
    if not compartments.exists(tenant):
        return "Set a vault password; values are stored under it."
    return None if start.has_value(tenant) else "Store the first credential that tools shall use."
