"""`/t/SLUG/console/vault/`: whether it is open and for how long, and its labels; the first password."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from tenants import access
from tenants.access import Act, Principal
from vault import compartments, entries, leases, limits, worker
from vault.denysh import server
from vault.errors import Unavailable, VaultError
from vault.models import VaultHeader
from vault.pages import refusals
from vault.pages.forms import CreateForm, UnlockForm


@require_safe
@never_cache
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.READ)
    return page(request, principal)


@require_POST
@never_cache
@login_required
@sensitive_post_parameters()
def create(request: HttpRequest, slug: str) -> HttpResponse:
    """The first vault password."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    form = CreateForm(request.POST)
    error = make_vault(request, principal, form)
    if form.errors:
        return page(request, principal, error, create_form=form)
    messages.success(request, "The vault is made. Add a value, and unlock when tools shall work.")
    return redirect("vault", slug=slug)


def make_vault(request: HttpRequest, principal: Principal, form: CreateForm) -> VaultError | None:
    """Act on a bound form; what went wrong is in its errors."""
    if not form.is_valid():
        return None
    try:
        limits.spend(principal, address(request))
        password, second = form.cleaned_data["password"], form.cleaned_data.get("second") or None
        compartments.create(principal.tenant, password, second=second, actor=principal)
    except VaultError as error:
        refusals.tell(form, error)
        return error
    return None


def page(
    request: HttpRequest,
    principal: Principal,
    error: VaultError | None = None,
    *,
    create_form: CreateForm | None = None,
    unlock_form: UnlockForm | None = None,
) -> HttpResponse:
    """The vault's page, with a form that was refused in its place."""
    tenant = principal.tenant
    try:
        lease, reachable = leases.current(tenant.pk), True
    except Unavailable:
        lease, reachable = None, False
    header, source = VaultHeader.objects.for_tenant(tenant).defer("sealed").first(), server.named(tenant)
    context: dict[str, object] = {
        "made": header is not None,
        # Whether a worker has a password in its environment is not known here, and must not be: only workers read it.
        "latched": header is not None and header.unattended_latched,
        "unattended_password": None if source else worker.variable(tenant.slug),
        "lease": lease,
        "reachable": reachable,
        "entries": entries.list(tenant),
        "denysh": source,
        "may_write": principal.may(Act.VAULT_WRITE),
        "may_unlock": principal.may(Act.VAULT_UNLOCK),
        "create_form": create_form or CreateForm(),
        "unlock_form": unlock_form or UnlockForm(),
        "next": request.POST.get("next") or request.GET.get("next") or "",
    }
    return refusals.page(request, "vault/status.html", context, error)


def address(request: HttpRequest) -> str:
    """Where the request comes from, for the limits."""
    return str(request.META.get("REMOTE_ADDR", ""))
