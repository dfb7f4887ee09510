"""The step of `/start/` that brings a first tool and its credential together."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from chat.demo.accounts import DEMO_KEY_NORTHWIND
from chat.pages.tool_forms import StartForm, decoded
from chat.tools import actions, definition, starters
from chat.tools.errors import InvalidTool
from tenants import access, onboarding
from tenants.access import Act, Principal
from tenants.models import Tenant
from vault import compartments, entries, leases, limits
from vault.errors import VaultError
from vault.pages import refusals, status

STEP = "credential"  # takes the place of the vault's own step, which stores a value without a tool


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters("value", "password")
@sensitive_variables("form")
def step(request: HttpRequest, slug: str) -> HttpResponse:
    """Pick a template; then its definition, credential and vault password in one form."""
    principal = access.for_session(request.user, slug, Act.TOOLS_WRITE)
    tenant = principal.tenant
    offered = starters.offered(demo=bool(settings.DEMO and settings.DEMO_URL))
    starter = next((one for one in offered if one.slug == request.GET.get("starter")), None)
    context = {
        "starters": offered,
        "starter": starter,
        "has_vault": compartments.exists(tenant),
        **onboarding.frame(tenant, STEP),
    }
    if starter is None:
        return render(request, "chat/tools/start.html", context)
    form = StartForm(
        request.POST or None,
        starter=starter,
        has_entry=_has_entry(tenant, starter.label),
        value=DEMO_KEY_NORTHWIND if starter.demo else "",
    )
    error = _act(request, principal, form) if form.is_valid() else None
    if form.is_bound and not form.errors:
        messages.success(request, "The tool is ready. Ask for something that it can look up.")
        return redirect(onboarding.next_url(tenant, after=STEP))
    return refusals.page(request, "chat/tools/start.html", context | {"form": form}, error)


@sensitive_variables()
def _act(request: HttpRequest, principal: Principal, form: StartForm) -> VaultError | None:
    """Credential first, then the tool: a tool without its credential would only fail. Errors go into the form."""
    tenant, data = principal.tenant, form.cleaned_data
    try:
        (one,) = definition.parse([decoded(data["definition"])])
        if data["value"] and one.credential:
            limits.spend(principal, status.address(request))
            label, password = one.credential.label, data["password"]
            entries.put(tenant, label, data["value"], password=password, actor=principal)
            leases.unlock(tenant, password, actor=principal)
        actions.load_tools(tenant, [one.as_data()], actor=principal)
    except InvalidTool as refused:
        form.add_error("definition", refused.sentence)
    except VaultError as error:
        refusals.tell(form, error)
        return error
    return None


def is_done(tenant: Tenant) -> bool:
    """Whether there is a tool; whether its credential has a value only a password can tell."""
    return bool(actions.all_tools(tenant))


def _has_entry(tenant: Tenant, label: str) -> bool:
    return any(entry.label == label for entry in entries.list(tenant))
