"""`/t/SLUG/console/keys/`: API keys, shown once when they are made."""

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from tenants import access, actions
from tenants.access import Act, Principal
from tenants.models import ApiKey, Role
from tenants.pages.members import RoleForm

LIVES = [("", "No end"), ("30", "30 days"), ("90", "90 days"), ("365", "One year")]


class KeyForm(RoleForm):
    name = forms.CharField(label="Name", max_length=80, help_text="Where it is used, so that you know what to end.")
    days = forms.TypedChoiceField(label="Expires after", choices=LIVES, coerce=int, required=False, empty_value=None)
    field_order = ("name", "role", "days")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_variables("secret")
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """The list; POST makes a key, and the answer shows it this once."""
    acting = access.for_session(request.user, slug, Act.KEYS_WRITE)
    form = KeyForm(request.POST or None, acting=acting, initial={"role": Role.MEMBER})
    secret = ""
    if form.is_valid():
        try:
            secret = _create(form, acting)
            form = KeyForm(acting=acting, initial={"role": Role.MEMBER})
        except actions.Refused as refused:
            form.add_error("name", str(refused))
    rows = ApiKey.objects.for_tenant(acting.tenant).select_related("created_by").order_by("revoked_at", "-created_at")
    context = {"keys": rows, "form": form, "secret": secret, "now": timezone.now(), "base_url": _base_url(request)}
    return render(request, "tenants/keys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def revoke(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Ask, then end the key."""
    acting = access.for_session(request.user, slug, Act.KEYS_WRITE)
    key = get_object_or_404(ApiKey.objects.for_tenant(acting.tenant), pk=pk)
    if request.method != "POST":
        return render(request, "tenants/key_revoke.html", {"key": key})
    actions.revoke_api_key(key, acting=acting)
    messages.success(request, f"{key.name} is revoked. Whatever still uses it gets 401 from now on.")
    return redirect("keys", slug=slug)


def _create(form: KeyForm, acting: Principal) -> str:
    days = form.cleaned_data["days"]
    expires_at = timezone.now() + timedelta(days=days) if days else None
    role = Role(form.cleaned_data["role"])
    return actions.create_api_key(form.cleaned_data["name"], role=role, expires_at=expires_at, acting=acting)[1]


def _base_url(request: HttpRequest) -> str:
    return request.build_absolute_uri("/v1")
