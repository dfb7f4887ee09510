"""Alice's vault, with two passwords; `quick` for tests that ask what an act does and not what guessing costs."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tenants.models import AuditRow, Tenant
from tests.cast import Cast
from vault import compartments, derivation, rolling

FIRST, SECOND, WRONG = "violet anchor pepper canyon", "kettle orbit mango thistle", "a typo of the first one"
NEW = "gravel lantern walnut sparrow"


@dataclass(frozen=True, slots=True)
class Vault:
    cast: Cast

    @property
    def tenant(self) -> Tenant:
        return self.cast.acme

    def add_second(self) -> None:
        rolling.add_password(self.tenant, SECOND, [FIRST], actor=self.cast.owner)

    def verbs(self) -> list[str]:
        """The audit trail of the vault since it was made."""
        rows = AuditRow.objects.for_tenant(self.tenant).filter(verb__startswith="vault.").order_by("n")
        return [row.verb for row in rows][1:]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with 64 KiB for 64 MiB: the vectors hold its real cost and result."""
    monkeypatch.setattr(derivation, "MEMORY", 64)


@pytest.fixture
def vault(cast: Cast, quick: None) -> Vault:
    compartments.create(cast.acme, FIRST, actor=cast.owner)
    return Vault(cast)


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many key derivations ran since this was asked last; each runs as always."""
    count, really = 0, derivation.hash_secret_raw

    def counting(*args: object, **options: object) -> bytes:
        nonlocal count
        count += 1
        return really(*args, **options)  # type: ignore[arg-type]

    def asked() -> int:
        nonlocal count
        since, count = count, 0
        return since

    monkeypatch.setattr(derivation, "hash_secret_raw", counting)
    return asked
