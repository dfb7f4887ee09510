"""The console's frame: apps register their pages, this module makes the navigation from them.

A console page lives at `/t/SLUG/console/…` (keyword `slug`), goes through `access.for_session` and extends
`templates/console/base.html`; the navigation comes from the context processor below without further ado.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from tenants import access
from tenants.access import Act, Principal
from tenants.models import Tenant

GROUPS = ("Vault", "People and access", "Usage and audit")


@dataclass(frozen=True, slots=True)
class Section:
    """One page of the console; `url_name` takes the keyword `slug`, `icon` is a name in the sprite."""

    slug: str
    title: str
    group: str
    icon: str
    url_name: str
    act: Act
    order: int


@dataclass(frozen=True, slots=True)
class Todo:
    """A line of the overview: `missing` answers what is still to do in the section, as a sentence, or None.

    `optional` is for what a workspace works without.
    """

    section: str
    order: int
    missing: Callable[[Tenant], str | None]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A line above every page of the console, with a way to what it is about; `tone` is that of the component."""

    text: str
    url: str
    action: str
    tone: str = "stop"


_sections: dict[str, Section] = {}
_todos: dict[str, Todo] = {}
_notices: list[Callable[[Principal], Notice | None]] = []


def register(section: Section) -> None:
    """Add a page to the navigation; called from an app's `AppConfig.ready`. The same slug again replaces it."""
    if section.group not in GROUPS:
        raise ValueError(f"no such console group: {section.group}")
    _sections[section.slug] = section


def sections_for(principal: Principal) -> list[Section]:
    """The pages that this principal may open, in order."""
    return sorted((s for s in _sections.values() if principal.may(s.act)), key=lambda s: s.order)


def groups_for(principal: Principal, path: str = "") -> list[dict[str, Any]]:
    """The navigation: `[{"title", "sections": [{"slug", "title", "icon", "url", "current"}]}]`, no group empty."""
    groups: list[dict[str, Any]] = []
    sections = sections_for(principal)
    for title in GROUPS:
        rows = [_row(section, principal, path) for section in sections if section.group == title]
        if rows:
            groups.append({"title": title, "sections": rows})
    return groups


def _row(section: Section, principal: Principal, path: str) -> dict[str, Any]:
    url = reverse(section.url_name, kwargs={"slug": principal.tenant.slug})
    row = {"slug": section.slug, "title": section.title, "icon": section.icon}
    return {**row, "url": url, "current": path.startswith(url)}


def register_todo(todo: Todo) -> None:
    """Add a line to the overview's "what is missing"; called from an app's `AppConfig.ready`."""
    _todos[todo.section] = todo


def todos_for(principal: Principal) -> list[dict[str, Any]]:
    """The overview's lines for what this principal may set up: `[{"title", "url", "icon", "missing", "optional"}]`."""
    lines = []
    for todo in sorted(_todos.values(), key=lambda todo: todo.order):
        section = _sections[todo.section]
        if principal.may(section.act):
            missing = todo.missing(principal.tenant)
            lines.append({**_row(section, principal, ""), "missing": missing, "optional": todo.optional})
    return lines


def register_notice(ask: Callable[[Principal], Notice | None]) -> None:
    """Ask `ask` on each page of the console; called from an app's `AppConfig.ready`."""
    if ask not in _notices:
        _notices.append(ask)


def notices_for(principal: Principal, path: str) -> list[Notice]:
    """What is to be said above a page, but on the pages that it leads to."""
    return [notice for ask in _notices if (notice := ask(principal)) and not path.startswith(notice.url)]


def context(request: HttpRequest) -> dict[str, Any]:
    """The context processor: `console_groups`, `tenant`, `principal`, `workspaces`; each is asked for only when used.

    It shows, it does not guard: a page is guarded by its own call of `access`.
    """
    look = cache(lambda: _principal(request))
    return {
        "principal": SimpleLazyObject(look),
        "tenant": SimpleLazyObject(lambda: principal.tenant if (principal := look()) else None),
        "console_groups": lambda: groups_for(principal, request.path) if (principal := look()) else [],
        "console_notices": lambda: notices_for(principal, request.path) if (principal := look()) else [],
        "workspaces": lambda: _workspaces(request),
    }


def _principal(request: HttpRequest) -> Principal | None:
    """Whoever looks at a page of a workspace; None elsewhere, for strangers and on error pages."""
    match = request.resolver_match
    slug = match.kwargs.get("slug") if match else None
    user = getattr(request, "user", None)
    if not slug or user is None:
        return None
    try:
        return access.for_session(user, slug, access.Act.READ)
    except Http404:
        return None


def _workspaces(request: HttpRequest) -> list[Tenant]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    return [row.tenant for row in user.memberships.select_related("tenant").order_by("tenant__name", "tenant__slug")]
