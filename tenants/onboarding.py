"""The steps of `/start/`: each app registers its own, this module knows their order and how far a workspace is.

A step's page lives at an address that takes the workspace's slug (keyword `slug`), extends
`templates/onboarding/base.html` and gives it `**onboarding.frame(tenant, "its-slug")`. When the step is done, its view
redirects to `onboarding.next_url(tenant, after="its-slug")`; its "later" link goes to the same address.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse

from tenants import access
from tenants.access import Act
from tenants.models import Role, Tenant, User


@dataclass(frozen=True, slots=True)
class Step:
    """One page of the way in.

    `url_name` is reversed with the keyword `slug`; `is_done` answers from the database, so that a step done elsewhere
    (on the command line, by a colleague) counts.
    """

    slug: str
    title: str
    order: int
    url_name: str
    is_done: Callable[[Tenant], bool]

    def url(self, tenant: Tenant) -> str:
        return reverse(self.url_name, kwargs={"slug": tenant.slug})


_steps: dict[str, Step] = {}
_landings: list[Callable[[Tenant, User], str]] = []


def register(step: Step) -> None:
    """Add a step; called from an app's `AppConfig.ready`. Registering a slug again replaces it."""
    _steps[step.slug] = step


def register_landing(landing: Callable[[Tenant, User], str]) -> None:
    """Say where a person lands in a workspace; `chat` registers "the newest conversation"."""
    _landings[:] = [landing]


def steps() -> list[Step]:
    return sorted(_steps.values(), key=lambda step: step.order)


def frame(tenant: Tenant | None, current: str) -> dict[str, object]:
    """The context that `onboarding/base.html` needs: `steps` (title, url, done, current), `step`, `later_url`."""
    rows = [
        {
            "slug": step.slug,
            "title": step.title,
            "url": step.url(tenant) if tenant else "",
            "done": bool(tenant and step.is_done(tenant)),
            "current": step.slug == current,
        }
        for step in steps()
    ]
    number = next((n for n, row in enumerate(rows, start=1) if row["current"]), 1)
    return {
        "steps": rows,
        "step": {"slug": current, "number": number, "count": len(rows)},
        "later_url": next_url(tenant, after=current) if tenant else "",
        "tenant": tenant,
    }


def next_url(tenant: Tenant, *, after: str = "") -> str:
    """The first unfinished step (behind `after`), or the chat when there is none."""
    passed = _steps[after].order if after else -1
    for step in steps():
        if step.order > passed and not step.is_done(tenant):
            return step.url(tenant)
    return chat_url(tenant)


def resume_url(user: User) -> str:
    """Where `/start/` leads a person who has a workspace: its next step, if they may set it up, or the chat."""
    roles = [role for role in Role if Act.TENANT_WRITE in access.MAY[role]]
    own = user.memberships.filter(role__in=roles).select_related("tenant").order_by("-created_at", "-id").first()
    return next_url(own.tenant) if own else landing_url(user)


def chat_url(tenant: Tenant) -> str:
    return f"/t/{tenant.slug}/chat/"


def landing_url(user: User) -> str:
    """Where a person who has just signed in goes: the newest workspace's newest chat, or the start."""
    membership = user.memberships.select_related("tenant").order_by("-created_at", "-id").first()
    if membership is None:
        return reverse("start")
    for landing in _landings:
        return landing(membership.tenant, user)
    return chat_url(membership.tenant)
