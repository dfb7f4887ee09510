"""Statements whose SQL is built once a process.

The ORM takes up to a millisecond of processor time to build a statement each time that it is asked, which on the path
of every API request is more than the statement itself. Such a one is built once, and its values are put in.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models
from django.db.models.query import get_related_populators

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


class Query:
    """A query with places for values: `make` builds it around a mark for each, of the given kinds, as the ORM would.

    A statement of its own at every call, so that it sees what the open transaction has written.
    """

    def __init__(self, make: "Callable[..., models.QuerySet[Any, Any]]", *kinds: type) -> None:
        self._make = make
        self._marks = [_MARKS[kind](place) for place, kind in enumerate(kinds)]

    def rows(self, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a `values_list`, their fields as the ORM gives them."""
        return [tuple(row) for row in self._ask(values)]

    def first(self, *values: Any) -> Any:
        """The first row as an object of the query's model, with those that it selects beside it; None without one."""
        for row in self._ask(values):
            return self._built.objects(connection.alias, row)
        return None

    def _ask(self, values: Sequence[Any]) -> list[list[Any]]:
        built = self._built
        params = [param if place is None else _prepared(values[place]) for place, param in built.params]
        with connection.cursor() as cursor:
            cursor.execute(built.sql, params)
            rows = [list(row) for row in cursor.fetchall()]
        for place, converters, expression in built.converters:
            for row in rows:
                for convert in converters:
                    row[place] = convert(row[place], expression, connection)
        return rows

    @cached_property
    def _built(self) -> "_Built":
        queryset = self._make(*self._marks)
        compiler = queryset.query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        places = {_prepared(mark): place for place, mark in enumerate(self._marks)}
        expressions = [expression for expression, _, _ in compiler.select]
        converters = [
            (place, converters, expression)
            for place, (converters, expression) in compiler.get_converters(expressions).items()
        ]
        return _Built(sql, [(places.get(param), param) for param in params], converters, _objects(compiler))


@dataclass(frozen=True)
class _Built:
    sql: str
    params: list[tuple[int | None, Any]]  # whose value it is, else the value itself
    converters: list[tuple[int, Any, Any]]
    objects: Callable[[str, Sequence[Any]], Any]


def _objects(compiler: Any) -> Callable[[str, Sequence[Any]], Any]:
    """Makes an object of a row, as django.db.models.query.ModelIterable does."""
    info = compiler.klass_info
    if info is None:
        return lambda _, row: row
    fields = info["select_fields"]
    names = [compiler.select[place][0].target.attname for place in fields]
    beside = get_related_populators(info, compiler.select, compiler.using)  # type: ignore[call-arg] # stubs of Django 6

    def made(alias: str, row: Sequence[Any]) -> Any:
        found = info["model"].from_db(alias, names, row[fields[0] : fields[-1] + 1])
        for one in beside:
            one.populate(row, found)
        return found

    return made


def _prepared(value: Any) -> Any:
    return models.UUIDField().get_db_prep_value(value, connection) if isinstance(value, uuid.UUID) else value


# Values that no statement has by itself.
_MARKS: dict[type, Callable[[int], Any]] = {
    uuid.UUID: lambda place: uuid.UUID(int=MARK.int + place),
    str: lambda place: f"\ufffd mark {place}",
    int: lambda place: 2_000_000_011 + place,
}


_AS_THEY_ARE = (
    models.CharField,
    models.TextField,
    models.BooleanField,
    models.PositiveIntegerField,
    models.PositiveBigIntegerField,
    models.BigIntegerField,
)


class Insert:
    """New rows of a model, without its signals. A key that the database counts is read back by `one`, not by `many`."""

    def __init__(self, model: type[models.Model]) -> None:
        self._model = model

    def one(self, row: models.Model) -> None:
        """Insert a row."""
        sql = self._sql if self._counted is None else f"{self._sql} RETURNING {_quoted(self._counted)}"
        with connection.cursor() as cursor:
            cursor.execute(sql, self._values(row))
            if self._counted is not None:
                row.pk = cursor.fetchone()[0]
        row._state.adding = False

    def many(self, rows: Sequence[models.Model]) -> None:
        """Insert rows."""
        if rows:
            with connection.cursor() as cursor:
                cursor.executemany(self._sql, [self._values(row) for row in rows])

    def _values(self, row: models.Model) -> list[Any]:
        return [
            getattr(row, field.attname) if plain else field.get_db_prep_save(field.pre_save(row, True), connection)
            for field, plain in self._prepared_fields
        ]

    @cached_property
    def _counted(self) -> "models.Field[Any, Any] | None":
        return self._model._meta.auto_field

    @cached_property
    def _fields(self) -> "list[models.Field[Any, Any]]":
        return [field for field in self._model._meta.concrete_fields if field is not self._counted]

    @cached_property
    def _prepared_fields(self) -> "list[tuple[models.Field[Any, Any], bool]]":
        """Each field, and whether its value goes to the driver as it is, as of these kinds it does in every backend."""
        return [(field, type(field) in _AS_THEY_ARE) for field in self._fields]

    @cached_property
    def _sql(self) -> str:
        columns = ", ".join(map(_quoted, self._fields))
        places = ", ".join(["%s"] * len(self._fields))
        table = connection.ops.quote_name(self._model._meta.db_table)
        return f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - the model's own names, no value


class Update:
    """Changes of a model's row: these fields, where those others have the given values, or one of a tuple's.

    The fields of `counted` go up by one. One of `where` that ends in ``__gt`` has to be greater than its value.
    """

    def __init__(
        self, model: type[models.Model], fields: Sequence[str], where: Sequence[str], *, counted: Sequence[str] = ()
    ) -> None:
        self._model, self._names, self._where, self._up = model, fields, where, counted

    def run(self, changes: Mapping[str, Any], where: Sequence[Any]) -> int:
        """How many rows it changed."""
        values = [field.get_db_prep_save(changes[name], connection) for name, field in self._set]
        conditions = []
        for (compared, field), value in zip(self._wanted, where, strict=True):
            options = value if isinstance(value, tuple) else (value,)
            conditions.append(f"{compared} ({', '.join(['%s'] * len(options))})")
            values += [field.get_db_prep_save(option, connection) for option in options]
        with connection.cursor() as cursor:
            cursor.execute(f"{self._sql} WHERE {' AND '.join(conditions)}", values)
            return int(cursor.rowcount)

    @cached_property
    def _set(self) -> "list[tuple[str, models.Field[Any, Any]]]":
        return [(name, self._field(name)) for name in self._names]

    @cached_property
    def _wanted(self) -> "list[tuple[str, models.Field[Any, Any]]]":
        fields = [(self._field(name.removesuffix("__gt")), name.endswith("__gt")) for name in self._where]
        return [(f"{_quoted(field)} {'>' if greater else 'IN'}", field) for field, greater in fields]

    def _field(self, name: str) -> "models.Field[Any, Any]":
        return cast("models.Field[Any, Any]", self._model._meta.get_field(name))

    @cached_property
    def _sql(self) -> str:
        up = [_quoted(self._field(name)) for name in self._up]
        changes = ", ".join(
            [*(f"{one} = {one} + 1" for one in up), *(f"{_quoted(field)} = %s" for _, field in self._set)]
        )
        table = connection.ops.quote_name(self._model._meta.db_table)
        return f"UPDATE {table} SET {changes}"  # noqa: S608 - the model's own names, no value


def _quoted(field: "models.Field[Any, Any]") -> str:
    return str(connection.ops.quote_name(cast(str, field.column)))
