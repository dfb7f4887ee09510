"""The faults that are planted, each of which an attack must find."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from chat.ledger import Claim
from chat.tools import execution
from chat.tools.definition import ToolDefinition
from chat.tools.errors import ToolError
from vault import header, outer, row, server_keys, storage
from vault.header import Compartment
from vault.models import VaultEntry
from vault.row import Value
from vault.sealing import size


@contextmanager
def _zeros() -> Iterator[None]:
    """Empty slots are zeros instead of noise."""

    def empty(plaintext: int, **_: Any) -> bytes:
        return bytes(size(plaintext))

    with patch.object(header, "empty", empty), patch.object(row, "empty", empty):
        yield


@contextmanager
def _places_in_order() -> Iterator[None]:
    """The first compartment takes the first place, the next the next."""
    with patch.object(header, "_pick", lambda options, random: next(iter(options))):
        yield


@contextmanager
def _live_time() -> Iterator[None]:
    """A row's token tells when the value that was written last became another one."""
    honest_write = storage.write
    sealing_at: list[int] = []

    def write(entry: VaultEntry, vault_id: bytes, owner: Compartment, value: Value | None, *, at: datetime) -> None:
        unchanged = storage.read(entry, vault_id, owner) == value
        sealing_at.append(_token_time(bytes(entry.sealed)) if unchanged else int(at.timestamp()))
        try:
            honest_write(entry, vault_id, owner, value, at=at)
        finally:
            sealing_at.clear()

    def seal(content: bytes, vault_id: bytes, row_id: bytes) -> bytes:
        key = server_keys.current()
        at = sealing_at[0] if sealing_at else int(timezone.now().timestamp())
        return struct.pack(">I", key.id) + outer._fernet(key, vault_id, row_id).encrypt_at_time(content, at)

    with patch.object(storage, "write", write), patch.object(outer, "seal", seal):
        yield


@contextmanager
def _trail_of_values() -> Iterator[None]:
    """A tool call without a value ends before its audit row."""
    honest = execution._credential

    def credential(claim: Claim, tool: ToolDefinition) -> bytes | None:
        value = honest(claim, tool)
        if value is None:
            raise ToolError("credential_not_found")
        return value

    with patch.object(execution, "_credential", credential):
        yield


def _token_time(stored: bytes) -> int:
    return int.from_bytes(stored[5:13], "big")


# What was broken on purpose -> the means that must find it, how to break it, and whether the password handed out is the
# younger one.
CONTROLS: dict[str, tuple[str, Callable[[], Any], bool | None]] = {
    "Empty slots of zeros": ("keys", _zeros, None),
    "A live timestamp in the token": ("one", _live_time, False),
    "A trail that tells only of calls that had a value": ("keys", _trail_of_values, None),
    "Places in order instead of at random": ("keys", _places_in_order, True),
}
