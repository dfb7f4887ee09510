"""What the buttons of the Models page do: switch, move and remove upstreams."""

from typing import TypeVar

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from chat.pages import upstream_list
from chat.pages.models import find
from chat.providers import actions
from tenants import access
from tenants.access import Act

T = TypeVar("T")


@require_POST
@login_required
def switch(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Take it out of use, or into it again."""
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    row = find(principal.tenant, pk)
    enabled = request.POST.get("enabled") == "on"
    actions.switch_provider(acting=principal, name=row.name, enabled=enabled)
    messages.success(request, f"{row.name} is {'in use' if enabled else 'off: nothing is sent to it'}.")
    return redirect("models", slug)


@require_POST
@login_required
def move(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One place up or down."""
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    row = find(principal.tenant, pk)
    names = [one.name for one in actions.stored(principal.tenant)]
    actions.order_providers(acting=principal, names=moved(names, names.index(row.name), request.POST.get("to", "")))
    messages.success(request, f"{row.name} is moved.")
    return redirect("models", slug)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Ask, then remove."""
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    row = find(principal.tenant, pk)
    if request.method != "POST":
        context = {"tenant": principal.tenant, "row": row, "routes": upstream_list.leading_to(row)}
        return render(request, "chat/models_remove.html", context)
    actions.remove_provider(acting=principal, name=row.name)
    messages.success(request, f"{row.name} is removed, with its key.")
    return redirect("models", slug)


def moved(things: list[T], place: int, to: str) -> list[T]:
    """The list with one thing a place "up" or "down"; at the end of the list it stays."""
    other = place - 1 if to == "up" else place + 1
    if 0 <= other < len(things):
        things = [*things]
        things[place], things[other] = things[other], things[place]
    return things
