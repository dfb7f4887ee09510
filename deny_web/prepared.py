"""Queries whose SQL is built once a process.

The ORM takes up to a millisecond of processor time to build a query each time that it is asked, which on the path of
every API request is more than the query itself. Such a query is built once, with a mark in the place of its value.
"""

import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.db import connection, models

MARK = uuid.UUID("6d61726b-6d61-726b-6d61-726b6d61726b")


class Prepared:
    """`make` builds a `values_list` query for the tenant id `MARK`; `rows` runs it for another one."""

    def __init__(self, make: Callable[[uuid.UUID], "models.QuerySet[Any, Any]"]) -> None:
        self._make = make

    def rows(self, tenant_id: uuid.UUID) -> list[tuple[Any, ...]]:
        """The rows as the database gives them: no conversion of fields that need one."""
        sql, params = self._built
        mark, wanted = (models.UUIDField().get_db_prep_value(value, connection) for value in (MARK, tenant_id))
        with connection.cursor() as cursor:
            cursor.execute(sql, [wanted if value == mark else value for value in params])
            return cursor.fetchall()

    @cached_property
    def _built(self) -> tuple[str, tuple[Any, ...]]:
        return self._make(MARK).query.sql_with_params()
