"""The routes of the Models page: which upstreams answer which models. Each act is a form of its own, without script."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from chat.models import Route
from chat.pages.upstream_acts import moved
from chat.providers import actions, route_actions
from chat.providers.routes import MAX_NAME
from tenants import access
from tenants.access import Act
from tenants.models import Tenant
from tenants.rules import Refused

_PLACES = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth")
_MOST_SHOWN = len(_PLACES)  # upstreams of one route; the command line sets longer ones


class RouteForm(forms.Form):
    """A pattern, and a choice for each place in the order."""

    pattern = forms.CharField(
        label="Models",
        max_length=MAX_NAME,
        help_text="A name, or a pattern: gpt-* is every name that begins with gpt-, * is every name.",
        widget=forms.TextInput(
            {"class": "mono", "autocomplete": "off", "spellcheck": "false", "placeholder": "openai/*"}
        ),
    )

    def __init__(self, data: Any, *, tenant: Tenant, pattern: str = "", names: list[str] | None = None) -> None:
        self.before = pattern
        names = names or []
        known = [row.name for row in actions.stored(tenant)]
        super().__init__(data, initial={"pattern": pattern})
        choices = [("", "None"), *((name, name) for name in known)]
        for place in range(max(len(names), min(len(known), _MOST_SHOWN))):
            self.fields[f"upstream_{place}"] = forms.ChoiceField(
                label=_PLACES[place] if place < len(_PLACES) else f"Place {place + 1}",
                choices=choices[1:] if place == 0 else choices,
                required=place == 0,
                initial=names[place] if place < len(names) else "",
            )

    @property
    def route(self) -> tuple[str, list[str]]:
        chosen = [value for name, value in self.cleaned_data.items() if name.startswith("upstream_") and value]
        return self.cleaned_data["pattern"].strip(), chosen


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def add(request: HttpRequest, slug: str) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    form = RouteForm(request.POST or None, tenant=principal.tenant)
    if form.is_valid():
        pattern, names = form.route
        try:
            if any(pattern == known for known, _ in route_actions.stored(principal.tenant)):
                raise Refused(f"There is a route for {pattern} already. Change that one.")
            route_actions.add_route(pattern, names, acting=principal)
            messages.success(request, f"{pattern} goes to {', then '.join(names)}.")
            return redirect("models", slug)
        except Refused as refused:
            form.add_error(None, str(refused))
    return render(request, "chat/models_route.html", {"tenant": principal.tenant, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    routes, place = _find(principal.tenant, pk)
    form = RouteForm(request.POST or None, tenant=principal.tenant, pattern=routes[place][0], names=routes[place][1])
    if form.is_valid():
        try:
            route_actions.set_routes([*routes[:place], form.route, *routes[place + 1 :]], acting=principal)
            messages.success(request, f"{form.route[0]} goes to {', then '.join(form.route[1])}.")
            return redirect("models", slug)
        except Refused as refused:
            form.add_error(None, str(refused))
    return render(request, "chat/models_route.html", {"tenant": principal.tenant, "form": form})


@require_POST
@login_required
def move(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One place up or down."""
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    routes, place = _find(principal.tenant, pk)
    ordered = moved(routes, place, request.POST.get("to", ""))
    route_actions.set_routes(ordered, acting=principal)
    messages.success(request, f"The route for {routes[place][0]} is moved.")
    return redirect("models", slug)


@require_POST
@login_required
def remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    routes, place = _find(principal.tenant, pk)
    route_actions.remove_route(routes[place][0], acting=principal)
    messages.success(request, f"The route for {routes[place][0]} is removed.")
    return redirect("models", slug)


def _find(tenant: Tenant, pk: int) -> tuple[list[tuple[str, list[str]]], int]:
    """All routes, and the place of one. Raises Http404."""
    row = Route.objects.for_tenant(tenant).filter(pk=pk).first()
    routes = route_actions.stored(tenant)
    if row is None:
        raise Http404
    return routes, [pattern for pattern, _ in routes].index(row.pattern)
