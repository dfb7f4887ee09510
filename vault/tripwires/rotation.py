"""The tool that an alert may call, to rotate the key at its provider. The room above knows tools, and registers.

The call runs as if the person who chose the tool had made it: in the version that they saw, with the arguments that
they gave, and only while they may still do such a thing.
"""

from typing import Protocol
from uuid import UUID

from tenants.access import Principal
from tenants.models import Tenant


class Rotator(Protocol):
    """What calls tools."""

    def all_names(self, tenant: Tenant) -> list[str]:
        """The workspace's tools."""

    def callable_names(self, tenant: Tenant) -> list[str]:
        """Those that an alert may call."""

    def check(self, tenant: Tenant, tool: str, args: str) -> int:
        """The version of the tool that would be called with these arguments (JSON text).

        Raises:
            vault.errors.Refused: there is no such tool, it may not be called so, or the arguments do not fit.
        """

    def call(self, tool: str, version: int, args: str, *, acting: Principal) -> UUID:
        """Make the call, in the caller's transaction; answers its id.

        Raises:
            vault.errors.Refused: as `check`, or the tool was changed since.
        """

    def outcome(self, tenant: Tenant, call_id: UUID) -> str:
        """What became of the call, as a sentence."""


_rotators: list[Rotator] = []


def register(rotator: Rotator) -> None:
    """Called from the `AppConfig.ready` of whoever has tools."""
    _rotators[:] = [rotator]


def rotator() -> Rotator | None:
    return _rotators[0] if _rotators else None
