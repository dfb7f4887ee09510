"""Sealing everything afresh under the current server key, while the app runs.

Every column that lies under a server key is registered, with how its rows are opened and sealed, and what lies under
one elsewhere, with who looks after it. A row is read, sealed afresh and written over the very bytes that were read, and
no others: whatever somebody wrote meanwhile stays. Slots, versions and times are as before, so no act, no lease and no
change of passwords notices.

Nothing is kept about how far it came: what is not under the current key is still to do. So it goes on after a kill at
any point, and it is done when nothing is left.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol
from uuid import UUID

import redis
from django.apps import apps
from django.db import models, transaction

from deny_web import valkey
from vault import lease_format, outer, scrub, sealed_fields, server_keys
from vault.errors import Damaged, Unavailable

Told = Callable[[int, int], None]
"""Hears how many rows of how many are done."""

_KEY_ID = struct.Struct(">I")
_CHUNK = 16  # rows in memory and in one transaction; a row has up to 130 kB
_LEASES = "vault:lease:"
_SWAP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column under a server key; what it holds begins with the key's number. `related`: what `reseal` needs."""

    model: type[models.Model]
    name: str
    reseal: Callable[[Any], bytes]
    related: str = ""

    def rows(self) -> "models.QuerySet[Any]":
        rows = self.model._base_manager.filter(**{f"{self.name}__isnull": False}).order_by("pk")
        return rows.select_related(self.related) if self.related else rows

    def chunks(self) -> Iterator[list[Any]]:
        """All rows, a few at a time."""
        last = None
        while chunk := list((self.rows() if last is None else self.rows().filter(pk__gt=last))[:_CHUNK]):
            yield chunk
            last = chunk[-1].pk

    def stored(self, row: Any) -> bytes:
        return bytes(getattr(row, self.name))


@dataclass(frozen=True, slots=True)
class Result:
    """`done` rows were sealed afresh; `damaged` ones cannot be opened under any key that is here, and stay."""

    done: int
    damaged: int


class Elsewhere(Protocol):
    """What lies under server keys in no column of its own, such as a token within an item."""

    def run(self) -> int:
        """Seal it afresh where it still opens; answers how much of it."""

    def used(self) -> Counter[int]:
        """How much of it lies under each server key, by its number."""


_elsewhere: dict[str, Elsewhere] = {}
_columns: dict[tuple[type[models.Model], str], Column] = {}


def register_field(model: type[models.Model], column: str, purpose: Callable[[Any], str]) -> None:
    """A column of `vault.sealed_fields`, of a model with a `tenant_id`."""

    def reseal(row: Any) -> bytes:
        plaintext = sealed_fields.open(purpose(row), row.tenant_id, getattr(row, column))
        return sealed_fields.seal(purpose(row), row.tenant_id, bytes(plaintext))

    _columns[model, column] = Column(model, column, reseal)


def register_rows(model: type[models.Model], tenant: str, row_id: Callable[[Any], bytes]) -> None:
    """A column `sealed` of `vault.outer`; `tenant` is the way to the workspace, whose vault's id it is bound to."""
    header = attrgetter(f"{tenant}.vault_header".replace("__", "."))

    def reseal(row: Any) -> bytes:
        vault_id = bytes(header(row).vault_id)
        return outer.seal(outer.open_row(row.sealed, vault_id, row_id(row)), vault_id, row_id(row))

    _columns[model, "sealed"] = Column(model, "sealed", reseal, f"{tenant}__vault_header")


def register_elsewhere(name: str, one: Elsewhere) -> None:
    """Called from an app's `AppConfig.ready`."""
    _elsewhere[name] = one


def columns() -> tuple[Column, ...]:
    """Every registered column."""
    return tuple(_columns.values())


def forgotten() -> list[str]:
    """Columns that look sealed and are not registered: as long as there is one, no key may go."""
    fields = ((model, field) for model in apps.get_models() for field in model._meta.concrete_fields)
    return [
        f"{model.__name__}.{field.name}"
        for model, field in fields
        if isinstance(field, models.BinaryField)
        and field.name.startswith("sealed")
        and (model, field.name) not in _columns
    ]


def run(told: Told | None = None) -> Result:
    """Seal everything afresh that is not under the current key.

    Raises:
        Unavailable: Valkey does not answer; the rows are done, the leases may not be.
    """
    total, seen, done, damaged = sum(column.rows().count() for column in columns()), 0, 0, 0
    for column in columns():
        for chunk in column.chunks():
            ended = _chunk(column, chunk)
            done, damaged, seen = done + ended.done, damaged + ended.damaged, seen + len(chunk)
            if told:
                told(min(seen, total), total)
    done += sum(one.run() for one in _elsewhere.values())
    _leases()
    scrub.journal()
    return Result(done, damaged)


def used() -> Counter[int]:
    """How many rows, leases and the like lie under each server key, by its number.

    Raises:
        Unavailable: Valkey does not answer.
    """
    found = Counter(key_id(column.stored(row)) for column in columns() for chunk in column.chunks() for row in chunk)
    for one in _elsewhere.values():
        found += one.used()
    return found + Counter(key_id(stored) for _, stored in _stored_leases())


def _chunk(column: Column, chunk: list[Any]) -> Result:
    current, fresh, damaged = server_keys.current().id, [], 0
    for row in chunk:
        if key_id(column.stored(row)) == current:
            continue
        try:
            fresh.append((row, column.reseal(row)))
        except Damaged:
            damaged += 1
    done = 0
    with transaction.atomic():
        for row, sealed in fresh:
            same = column.model._base_manager.filter(pk=row.pk, **{column.name: column.stored(row)})
            done += same.update(**{column.name: sealed})
    return Result(done, damaged)


def _leases() -> None:
    """Leases that run, too: an unlocked vault stays unlocked."""
    current = server_keys.current().id
    for name, stored in _stored_leases():
        tenant_id, lease = UUID(name.removeprefix(_LEASES)), lease_format.parse(stored)
        owner = lease_format.open_stored(stored, tenant_id) if lease and key_id(stored) != current else None
        if lease and owner:
            with _valkey() as client:
                client.eval(_SWAP, 1, name, stored, lease_format.seal(lease, tenant_id, owner))


def _stored_leases() -> list[tuple[str, bytes]]:
    with _valkey() as client:
        names = [str(name, "ascii") for name in client.scan_iter(match=f"{_LEASES}*", count=500)]
        values = client.mget(names) if names else []
    return [(name, value) for name, value in zip(names, values, strict=True) if isinstance(value, bytes)]


class _valkey:
    """The client; what it raises, as our own error."""

    def __enter__(self) -> redis.Redis:
        return valkey.sync()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind and issubclass(kind, redis.RedisError):
            # From None: an error of the client's can carry the command, and the command carries the sealed lease.
            raise Unavailable from None


def key_id(stored: bytes) -> int:
    """The number of the server key that something was sealed under."""
    return int(_KEY_ID.unpack_from(stored)[0]) if len(stored) >= _KEY_ID.size else 0
