"""The console's frame: apps register their pages, this module makes the navigation from them.

A console page lives at `/t/SLUG/console/…` (keyword `slug`), goes through `access.for_session` and extends
`templates/console/base.html`; the navigation comes from the context processor below without further ado.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

if TYPE_CHECKING:
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
    act: "Act"
    order: int


@dataclass(frozen=True, slots=True)
class Todo:
    """A line of the overview: `missing` answers what to say when something is still to do, or None."""

    section: str
    order: int
    missing: "Callable[[Tenant], str | None]"


_sections: dict[str, Section] = {}


def register(section: Section) -> None:
    """Add a page to the navigation; called from an app's `AppConfig.ready`. The same slug again replaces it."""
    if section.group not in GROUPS:
        raise ValueError(f"no such console group: {section.group}")
    _sections[section.slug] = section


def sections_for(principal: "Principal") -> list[Section]:
    """The pages that this principal may open, in order."""
    return sorted((s for s in _sections.values() if principal.may(s.act)), key=lambda s: s.order)


def groups_for(principal: "Principal", path: str = "") -> list[dict[str, object]]:
    """The navigation: `[{"title", "sections": [{"slug", "title", "icon", "url", "current"}]}]`, empty groups left out."""
    groups: list[dict[str, object]] = []
    sections = sections_for(principal)
    for title in GROUPS:
        rows = [_row(section, principal, path) for section in sections if section.group == title]
        if rows:
            groups.append({"title": title, "sections": rows})
    return groups


def _row(section: Section, principal: "Principal", path: str) -> dict[str, object]:
    url = reverse(section.url_name, kwargs={"slug": principal.tenant.slug})
    return {"slug": section.slug, "title": section.title, "icon": section.icon, "url": url, "current": path.startswith(url)}
