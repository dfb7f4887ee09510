"""Sums of what was used, an hour at a time. `chat.usage` collects, this writes."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, models, transaction

from tenants.models import Tenant, UsageHour

_ROWS_A_STATEMENT = 500


class Place(NamedTuple):
    """Whose, when, with what: one row of the table. `key` and `member` are 0 for none."""

    tenant_id: uuid.UUID
    hour: datetime
    key: int
    member: int
    model: str
    door: str


class Sums(NamedTuple):
    """What is added up. `cost` is in billionths of a dollar."""

    responses: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    unpriced: int = 0

    def plus(self, other: "Sums") -> "Sums":
        return Sums(*(a + b for a, b in zip(self, other, strict=True)))


def write(rows: Iterable[tuple[Place, Sums]]) -> None:
    """Add the sums to the table, in one statement; rows of a workspace that is gone are dropped."""
    found = list(rows)
    there = Tenant.objects.filter(pk__in={place.tenant_id for place, _ in found})
    known = set(there.values_list("pk", flat=True))
    # In one order everywhere, so that two processes that add to the same rows cannot lock each other out.
    ordered = sorted(
        (row for row in found if row[0].tenant_id in known), key=lambda row: (row[0].tenant_id.bytes, *row[0][1:])
    )
    with transaction.atomic():
        for first in range(0, len(ordered), _ROWS_A_STATEMENT):
            _upsert(ordered[first : first + _ROWS_A_STATEMENT])


def _upsert(rows: Sequence[tuple[Place, Sums]]) -> None:
    quote = connection.ops.quote_name
    table = quote(UsageHour._meta.db_table)
    columns = [quote(name) for name in (*Place._fields, *Sums._fields)]
    marks = f"({', '.join(['%s'] * len(columns))})"
    added = ", ".join(f"{quote(name)} = {table}.{quote(name)} + excluded.{quote(name)}" for name in Sums._fields)
    place = ", ".join(columns[: len(Place._fields)])
    # Names of our own fields only; every value is a parameter.
    sql = (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([marks] * len(rows))}"  # noqa: S608 - the model's names
        f" ON CONFLICT ({place}) DO UPDATE SET {added}"
    )
    values: list[Any] = []
    for where, sums in rows:
        values.append(models.UUIDField().get_db_prep_value(where.tenant_id, connection))
        values += [models.DateTimeField().get_db_prep_value(where.hour, connection), *where[2:], *sums]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
