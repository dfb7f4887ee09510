"""One honeytoken: what it does, where it is planted, what an alert calls; disarming and deleting it."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import access
from tenants.access import Act, Principal
from vault.errors import InvalidLabel, InvalidValue, VaultError
from vault.models import Honeytoken
from vault.pages import refusals
from vault.pages.tripwire_forms import HookForm, OptionsForm, PlantForm
from vault.tripwires import keys, rotation, tokens


@require_safe
@never_cache
@login_required
def show(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    return page(request, principal, _find(principal, pk))


@require_POST
@never_cache
@login_required
def options(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    token, form = _find(principal, pk), OptionsForm(request.POST)
    if form.is_valid():
        tokens.change(token, acting=principal, **form.cleaned_data)
        messages.success(request, f"{token.name} is changed.")
    return redirect("tripwire", slug=slug, pk=pk)


@require_POST
@never_cache
@login_required
def arm(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Arm or disarm."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    token, armed = _find(principal, pk), request.POST.get("armed") == "on"
    tokens.change(token, acting=principal, armed=armed)
    said = "armed" if armed else "disarmed, and taken up wherever this server had planted it"
    messages.success(request, f"{token.name} is {said}.")
    return redirect("tripwire", slug=slug, pk=pk)


@require_POST
@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables("form", "data")
def plant(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Place it in instructions and results, or take it up."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    token = _find(principal, pk)
    form = PlantForm(request.POST, token=token, tools=_tools(principal))
    if not form.is_valid():
        return page(request, principal, token, plant_form=form)
    data = form.cleaned_data
    try:
        places: dict[str, Any] = {"in_prompt": data["in_prompt"], "in_results": data.get("in_results") or []}
        tokens.plant(token, data.get("value") or "", note=data["note"], acting=principal, **places)
    except VaultError as refusal:
        tell(form, refusal)
        return page(request, principal, token, refusal, plant_form=form)
    messages.success(request, f"{token.name} is {'planted' if any(places.values()) else 'planted nowhere'}.")
    return redirect("tripwire", slug=slug, pk=pk)


@require_POST
@never_cache
@login_required
def hook(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """The tool that an alert calls."""
    principal = access.for_session(request.user, slug, Act.TOOLS_WRITE)
    token = _find(principal, pk)
    form = HookForm(request.POST, token=token, tools=_hooks(principal))
    if form.is_valid():
        try:
            tokens.set_hook(token, form.cleaned_data["tool"], form.cleaned_data["args"], acting=principal)
            messages.success(request, f"{token.name} is changed.")
            return redirect("tripwire", slug=slug, pk=pk)
        except VaultError as refusal:
            tell(form, refusal)
    return page(request, principal, token, hook_form=form, status=400)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def delete(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Ask, then delete."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    token = _find(principal, pk)
    if request.method != "POST":
        return refusals.page(request, "vault/tripwires/delete.html", {"token": token}, None)
    tokens.delete(token, acting=principal)
    messages.success(request, f"{token.name} is deleted. Its alerts stay.")
    return redirect("tripwires", slug=slug)


def page(
    request: HttpRequest,
    principal: Principal,
    token: Honeytoken,
    error: VaultError | None = None,
    *,
    shown: str = "",
    plant_form: PlantForm | None = None,
    hook_form: HookForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """A honeytoken's page; `shown` is its value, right after it was made."""
    context = {
        "token": token,
        "kind": tokens.KINDS.get(token.kind, "A value of your own"),
        "shown": shown,
        "blind": token.key_id not in keys.known_ids(),
        "options_form": OptionsForm(initial={"stops": token.stops, "in_output": token.in_output}),
        "plant_form": plant_form or PlantForm(token=token, tools=_tools(principal), value=shown),
        "hook_form": hook_form or HookForm(token=token, tools=_hooks(principal)),
    }
    response = refusals.page(request, "vault/tripwires/token.html", context, error)
    if status != 200:
        response.status_code = status
    return response


def tell(form: forms.Form, error: VaultError) -> None:
    """Put the refusal's sentence beside the field that it is about, or above the form."""
    fields: dict[type[VaultError], str] = {InvalidLabel: "name", InvalidValue: "value"}
    field = fields.get(type(error), "")
    form.add_error(field if field in form.fields else None, str(error))


def _find(principal: Principal, pk: UUID) -> Honeytoken:
    return get_object_or_404(Honeytoken.objects.for_tenant(principal.tenant), pk=pk)


def _tools(principal: Principal) -> list[str]:
    rotator = rotation.rotator()
    return rotator.all_names(principal.tenant) if rotator else []


def _hooks(principal: Principal) -> list[str]:
    rotator = rotation.rotator()
    return rotator.callable_names(principal.tenant) if rotator else []
