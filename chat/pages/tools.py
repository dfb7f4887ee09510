"""`/t/SLUG/console/tools/`: what models may call here. List, add, look, try, switch, delete."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat import ledger
from chat.pages.tool_forms import LoadForm, TryForm
from chat.tools import actions, definition, starters, words
from chat.tools.errors import InvalidTool
from tenants import access
from tenants.access import Act, Principal
from tenants.models import Tenant
from vault import entries, leases
from vault.denysh import server
from vault.errors import VaultError


@require_safe
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.READ)
    labels = _labels(principal.tenant)
    rows = [
        {"tool": tool, "one": one, "no_label": one.credential is not None and one.credential.label not in labels}
        for tool, one in actions.all_tools(principal.tenant)
    ]
    return render(request, "chat/tools/list.html", {"rows": rows, "may_write": principal.may(Act.TOOLS_WRITE)})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Load tools from text, a file or a template."""
    principal = access.for_session(request.user, slug, Act.TOOLS_WRITE)
    starter = starters.find(request.GET.get("starter", ""))
    text = starter.text_of_definition if starter else _text_of(principal, request.GET.get("from", ""))
    form = LoadForm(request.POST or None, request.FILES or None, initial={"definition": text})
    if form.is_valid():
        try:
            loaded = actions.load_tools(principal.tenant, form.cleaned_data["tools"], actor=principal)
            messages.success(
                request, f"Loaded {', '.join(tool.name for tool in loaded) or 'nothing: the list is empty'}."
            )
            return redirect("tool", slug, loaded[0].name) if len(loaded) == 1 else redirect("tools", slug)
        except InvalidTool as refused:
            form.add_error("definition", refused.sentence)
    offered = starters.offered(demo=bool(settings.DEMO and settings.DEMO_URL))
    context = {"form": form, "starters": offered, "chosen": starter}
    return render(request, "chat/tools/add.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def tool(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """One tool; POST tries it."""
    principal = access.for_session(request.user, slug, Act.TOOLS_WRITE)
    found, one = _find(principal, name)
    form = TryForm(request.POST or None, initial={"args": words.example_args(one)})
    if form.is_valid():
        call = actions.try_tool(principal.tenant, name, form.cleaned_data["args"], actor=principal)
        return redirect("tool_call", slug, call.pk)
    # A deny.sh server gives the credentials where one is named: neither a label nor a lease here is of any matter then.
    label = one.credential.label if one.credential and not server.named(principal.tenant) else ""
    context = {
        "tool": found,
        "one": one,
        "form": form,
        "no_label": bool(label) and label not in _labels(principal.tenant),
        "locked": bool(label) and _locked(principal.tenant),
        "definition": words.pretty(one.as_data()),
        "version": found.current.n if found.current else 0,
    }
    return render(request, "chat/tools/tool.html", context, status=400 if form.errors else 200)


@require_safe
@login_required
def call(request: HttpRequest, slug: str, call_id: UUID) -> HttpResponse:
    """A call that was tried; the page looks again by itself until the call has ended."""
    principal = access.for_session(request.user, slug, Act.TOOLS_WRITE)
    tried = actions.tried(principal.tenant, call_id)
    if tried is None:
        raise Http404
    context = {"call": tried, "open": tried.state in ledger.OPEN, "seam": words.seam(tried)}
    return render(request, "chat/tools/call.html", context)


@require_POST
@login_required
def switch(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Offer the tool to models, or stop offering it."""
    principal = access.for_session(request.user, slug, Act.TOOLS_WRITE)
    enabled = request.POST.get("enabled") == "on"
    try:
        actions.set_enabled(principal.tenant, name, enabled, actor=principal)
    except actions.NoSuchTool:
        raise Http404 from None
    messages.success(request, f"{name} is {'on' if enabled else 'off: models are not told of it'}.")
    return redirect("tools", slug)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Ask, then delete."""
    principal = access.for_session(request.user, slug, Act.TOOLS_WRITE)
    found, one = _find(principal, name)
    if request.method != "POST":
        return render(request, "chat/tools/delete.html", {"tool": found, "one": one})
    actions.delete_tool(principal.tenant, name, actor=principal)
    messages.success(request, f"{name} is deleted.")
    return redirect("tools", slug)


def missing(tenant: Tenant) -> str | None:
    """The overview's line."""
    return None if actions.all_tools(tenant) else "Add a tool, so that the model can look things up."


def _find(principal: Principal, name: str) -> tuple[actions.Tool, definition.ToolDefinition]:
    try:
        found = actions.find(principal.tenant, name)
    except actions.NoSuchTool:
        raise Http404 from None
    assert found.current is not None  # noqa: S101 - `find` answers no tool without a version
    return found, definition.from_stored(found.current.definition)


def _text_of(principal: Principal, name: str) -> str:
    """A tool's definition, to change it; nothing for a tool that is not there."""
    try:
        return words.pretty(_find(principal, name)[1].as_data())
    except Http404:
        return ""


def _labels(tenant: Tenant) -> set[str]:
    return {entry.label for entry in entries.list(tenant)}


def _locked(tenant: Tenant) -> bool:
    try:
        return leases.current(tenant.pk) is None
    except VaultError:
        return True
