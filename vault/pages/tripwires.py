"""`/t/SLUG/console/tripwires/`: the alerts, the honeytokens, and making one."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import access
from tenants.access import Act, Principal
from tenants.console import Notice
from vault.errors import VaultError
from vault.models import Honeytoken, Sighting
from vault.pages import refusals, tripwire
from vault.pages.tripwire_forms import OWN, MakeForm
from vault.tripwires import alerts, keys, rotation, tokens

_A_PAGE = 25


@require_safe
@never_cache
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    rows = Paginator(alerts.of(principal.tenant), _A_PAGE).get_page(request.GET.get("page"))
    known = keys.known_ids()
    held = Honeytoken.objects.for_tenant(principal.tenant).defer("sealed_value", "hook_args").order_by("name")
    context = {
        "page_obj": rows,
        "alerts": [_alert(principal, row) for row in rows],
        "open": alerts.unacknowledged(principal.tenant),
        "tokens": [(token, token.key_id not in known) for token in held],
    }
    return refusals.page(request, "vault/tripwires/list.html", context, None)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables("form", "data", "value")
def make(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a fake or arm a value of one's own; the answer shows a fake this once."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    form, error = MakeForm(request.POST or None), None
    if form.is_valid():
        data = form.cleaned_data
        options: dict[str, Any] = {"acting": principal, "stops": data["stops"], "in_output": data["in_output"]}
        try:
            if data["kind"] == OWN:
                token = tokens.arm_own(data["name"], data["value"], **options)
                messages.success(request, f"{token.name} is armed.")
                return redirect("tripwire", slug=slug, pk=token.pk)
            token, value = tokens.make(data["name"], data["kind"], **options)
            return tripwire.page(request, principal, token, shown=value)
        except VaultError as refusal:
            error = refusal
            tripwire.tell(form, refusal)
    return refusals.page(request, "vault/tripwires/make.html", {"form": form}, error)


@require_POST
@never_cache
@login_required
def acknowledge(request: HttpRequest, slug: str, pk: UUID | None = None) -> HttpResponse:
    """One alert, or all of them."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    alerts.acknowledge(pk, acting=principal)
    return redirect("tripwires", slug=slug)


def notice(principal: Principal) -> Notice | None:
    """The line above the console's pages while an alert waits."""
    if not principal.may(Act.VAULT_WRITE):
        return None
    waiting = alerts.unacknowledged(principal.tenant)
    if not waiting:
        return None
    url = reverse("tripwires", kwargs={"slug": principal.tenant.slug})
    if waiting == 1:
        return Notice("A honeytoken was sighted.", url, "Look at the alert")
    return Notice(f"Honeytokens were sighted: {waiting} alerts.", url, "Look at them")


def _alert(principal: Principal, row: Sighting) -> dict[str, Any]:
    rotator, user = rotation.rotator(), principal.user
    hook = row.hook_reason
    if row.hook_call and rotator:
        hook = rotator.outcome(principal.tenant, row.hook_call)
    # Conversations are their person's own: for anybody else the address leads nowhere.
    is_own = user is not None and row.user_id == user.pk and row.api_key_id is None
    return {"row": row, "hook": hook, "is_own": is_own and bool(row.conversation_id)}
