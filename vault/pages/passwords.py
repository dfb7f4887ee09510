"""`…/vault/password/`: change a password, or add another one. One address and one form for both.

The whole change runs inside the one request in which the passwords came: nothing keeps them for a later step. The page
that waits asks `progress` meanwhile. Should the process be killed, the same form goes on where it was.
"""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from tenants import access
from tenants.access import Act, Principal
from vault import limits, rolling
from vault.errors import VaultError
from vault.pages import refusals, status
from vault.pages.forms import PasswordsForm


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables("form")
def change(request: HttpRequest, slug: str) -> HttpResponse:
    """Say first what may be lost, then act. Ends the lease either way."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    form, error = PasswordsForm(request.POST or None), None
    if form.is_valid():
        try:
            limits.spend(principal, status.address(request))
            _act(principal, form)
            messages.success(request, "Done. The vault is locked; unlock it with the password that tools shall use.")
            return redirect("vault", slug=slug)
        except VaultError as refusal:
            error = refusal
            refusals.tell(form, refusal)
    context: dict[str, object] = {"form": form, "progress": rolling.progress(principal.tenant)}
    return refusals.page(request, "vault/password.html", context, error)


@require_safe
@never_cache
@login_required
def progress(request: HttpRequest, slug: str) -> HttpResponse:
    """How far the change is, for the bar on the page that waits for it: `{"running", "done", "total"}`."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    found = rolling.progress(principal.tenant)
    if found is None:
        return JsonResponse({"running": False, "done": 0, "total": 0})
    return JsonResponse({"running": found.running, "done": found.done, "total": found.total})


@sensitive_variables()
def _act(principal: Principal, form: PasswordsForm) -> None:
    data = form.cleaned_data
    if data["act"] == "add":
        rolling.add_password(principal.tenant, data["new"], data["kept"], actor=principal)
    else:
        rolling.roll(principal.tenant, data["kept"][0], data["new"], actor=principal)
