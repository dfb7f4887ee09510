"""The address of every page, from the URL configuration, with the ids that a running workspace has."""

import uuid
from collections.abc import Iterator
from itertools import product

from django.urls import URLPattern, URLResolver, converters, get_resolver

from tests.promises import database
from tests.workspace import Workspace

_MOST = 3  # ids of a kind


def pages_of(workspace: Workspace) -> list[str]:
    """Every page under the workspace's name, for each id that could stand in its address."""
    return sorted(set(_fill(get_resolver().url_patterns, "/", _ids(workspace))))


def _fill(patterns: list[URLPattern | URLResolver], before: str, ids: dict[str, list[str]]) -> Iterator[str]:
    for entry in patterns:
        names = entry.pattern.converters
        choices = [ids["slug"] if name == "slug" else ids[type(kind).__name__] for name, kind in names.items()]
        for values in product(*choices):
            route = before + str(entry.pattern)
            for (name, kind), value in zip(names.items(), values, strict=True):
                route = route.replace(f"<{_word(kind)}:{name}>", value).replace(f"<{name}>", value)
            if isinstance(entry, URLResolver):
                yield from _fill(entry.url_patterns, route, ids)
            elif "^" not in route and "(" not in route:
                yield route


def _word(converter: object) -> str:
    return next(word for word, kind in converters.get_converters().items() if type(kind) is type(converter))


def _ids(workspace: Workspace) -> dict[str, list[str]]:
    def column(sql: str) -> list[str]:
        return [str(value) for (value,) in database.query(workspace.app, f"{sql} LIMIT {_MOST}")]

    uuids = column("SELECT id FROM vault_vaultentry")
    uuids += column("SELECT id FROM chat_toolcall WHERE response_id IS NULL ORDER BY created_at DESC")
    return {
        "slug": [workspace.slug],
        "SlugConverter": column("SELECT name FROM chat_tool ORDER BY name"),
        "StringConverter": column("SELECT id FROM chat_conversation"),
        "IntConverter": ["1", "2"],
        "UUIDConverter": [str(uuid.UUID(value)) for value in uuids],
        "PathConverter": ["x"],
    }
