"""Every page of a workspace that the URL configuration knows, asked by strangers: made from it, not picked by hand."""

import re
import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, converters, get_resolver

from tests.cast import Cast

pytestmark = pytest.mark.django_db
CSRF = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]+"')
SAMPLES = {
    converters.IntConverter: "1",
    converters.UUIDConverter: str(uuid.UUID(int=7)),
    converters.StringConverter: "conv_" + "0" * 40,
    converters.SlugConverter: "x",
    converters.PathConverter: "a/b",
}


def pages() -> list[str]:
    """The addresses, with SLUG for the workspace and a sample for every other part."""
    return sorted({route for route in routes(get_resolver().url_patterns, "") if "SLUG" in route})


def routes(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for entry in patterns:
        route = before + str(entry.pattern)
        for name, converter in entry.pattern.converters.items():
            value = "SLUG" if name == "slug" else SAMPLES[type(converter)]
            route = re.sub(rf"<(?:\w+:)?{name}>", value, route)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        else:
            yield "/" + route


PAGES = pages()


def test_the_matrix_is_not_empty() -> None:
    assert {"/t/SLUG/", "/t/SLUG/console/members/", "/start/SLUG/name/"} <= set(PAGES)
    assert not [page for page in PAGES if "<" in page]


@pytest.mark.parametrize("page", PAGES)
def test_outsider_cannot_tell_a_workspace_from_none(page: str, cast: Cast, client: Client) -> None:
    client.force_login(cast.charlie)
    for method in ("get", "head", "post", "put", "patch", "delete", "options"):
        assert told_apart(client, method, page) in {404, 405}


@pytest.mark.parametrize("page", PAGES)
def test_nobody_cannot_tell_a_workspace_from_none(page: str, cast: Cast, client: Client) -> None:
    for method in ("get", "post"):
        assert told_apart(client, method, page) in {302, 401, 404, 405}


def told_apart(client: Client, method: str, page: str) -> int:
    """The status of both answers, for a workspace that is there and one that is not, which are the same."""
    there, absent = (getattr(client, method)(page.replace("SLUG", slug)) for slug in ("acme", "nowhere"))
    assert there.status_code == absent.status_code
    assert there.get("Location", "").replace("acme", "nowhere") == absent.get("Location", "")
    assert CSRF.sub(b"", there.content) == CSRF.sub(b"", absent.content)
    return there.status_code
