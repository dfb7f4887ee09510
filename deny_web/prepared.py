"""Queries whose SQL is built once a process.

The ORM takes up to a millisecond of processor time to build a query each time that it is asked, which on the path of
every API request is more than the query itself. Such a query is built once, with a mark in the place of its value.
"""

import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models

from deny_web import recent

MARK = uuid.UUID("6d61726b-6d61-726b-6d61-726b6d61726b")


class Prepared:
    """`make` builds a `values_list` query for the tenant id `MARK`; `rows` runs it for another one.

    Its tables have to be watched, so that what is remembered of them for a moment is never old.
    """

    def __init__(self, make: Callable[[uuid.UUID], "models.QuerySet[Any, Any]"]) -> None:
        self._make = make

    def rows(self, tenant_id: uuid.UUID) -> list[tuple[Any, ...]]:
        """The rows as the database gave them a moment ago: no conversion of fields that need one."""
        return recent.get((self, tenant_id), lambda: self._ask(tenant_id))

    def _ask(self, tenant_id: uuid.UUID) -> list[tuple[Any, ...]]:
        sql, params = self._built
        mark, wanted = (models.UUIDField().get_db_prep_value(value, connection) for value in (MARK, tenant_id))
        with connection.cursor() as cursor:
            cursor.execute(sql, [wanted if value == mark else value for value in params])
            return cursor.fetchall()

    @cached_property
    def _built(self) -> tuple[str, tuple[Any, ...]]:
        query = self._make(MARK).query
        built = query.sql_with_params()
        unwatched = [join.table_name for join in query.alias_map.values() if not recent.watches(join.table_name)]
        if unwatched:
            raise ImproperlyConfigured(f"A prepared query reads {unwatched}, which nobody watches; see recent.watch.")
        return built
