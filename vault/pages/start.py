"""This app's step of `/start/`: the vault password."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from tenants import access, onboarding
from tenants.access import Act
from vault import compartments
from vault.pages import refusals
from vault.pages.forms import StartForm
from vault.pages.status import make_vault

STEP = "vault"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables("form")
def password(request: HttpRequest, slug: str) -> HttpResponse:
    """Make the vault."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    form = StartForm(request.POST or None)
    error = make_vault(request, principal, form) if form.is_bound else None
    if form.is_bound and not form.errors:
        return redirect(onboarding.next_url(principal.tenant, after=STEP))
    context = {
        "form": form,
        "made": compartments.exists(principal.tenant),
        **onboarding.frame(principal.tenant, STEP),
    }
    return refusals.page(request, "vault/start_password.html", context, error)
