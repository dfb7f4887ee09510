"""This app's steps of `/start/`: the vault password, and the first value."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from tenants import access, onboarding
from tenants.access import Act
from tenants.models import Tenant
from vault import compartments
from vault.models import VaultEntry
from vault.pages import refusals
from vault.pages.forms import AddForm, CreateForm
from vault.pages.status import make_vault
from vault.pages.values import store

PASSWORD, VALUE = "vault", "credential"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables("form")
def password(request: HttpRequest, slug: str) -> HttpResponse:
    """Make the vault."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    form = CreateForm(request.POST or None)
    error = make_vault(request, principal, form) if form.is_bound else None
    if form.is_bound and not form.errors:
        return redirect(onboarding.next_url(principal.tenant, after=PASSWORD))
    context = {
        "form": form,
        "made": compartments.exists(principal.tenant),
        **onboarding.frame(principal.tenant, PASSWORD),
    }
    return refusals.page(request, "vault/start_password.html", context, error)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables("form")
def value(request: HttpRequest, slug: str) -> HttpResponse:
    """Store the first value."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    form = AddForm(request.POST or None, initial={"label": request.GET.get("label", "")})
    error = store(request, principal, form) if form.is_bound else None
    if form.is_bound and not form.errors:
        messages.success(request, f"{form.cleaned_data['label']} is stored.")
        return redirect(onboarding.next_url(principal.tenant, after=VALUE))
    context = {"form": form, "made": compartments.exists(principal.tenant), **onboarding.frame(principal.tenant, VALUE)}
    return refusals.page(request, "vault/start_value.html", context, error)


def has_value(tenant: Tenant) -> bool:
    """Whether there is a label; whether it holds anything, nobody but a password can know."""
    return VaultEntry.objects.for_tenant(tenant).exists()
