"""`/t/SLUG/console/keys/`: API keys, shown once when they are made."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from tenants import access, actions, key_tools, usage_report
from tenants.access import Act, Principal
from tenants.models import ApiKey, Role, Tenant
from tenants.pages.members import RoleForm

LIVES = [("", "No end"), ("30", "30 days"), ("90", "90 days"), ("365", "One year")]


class ToolsForm(forms.Form):
    """Which of the workspace's tools a key is offered."""

    offer = forms.ChoiceField(
        label="Tools that it is offered",
        choices=[("all", "All, also those made later"), ("none", "None"), ("chosen", "Those chosen below")],
        widget=forms.RadioSelect,
        required=False,
        initial="all",
        help_text="A request with this key can narrow them further, never widen.",
    )
    tools = forms.MultipleChoiceField(label="Chosen tools", widget=forms.CheckboxSelectMultiple, required=False)

    def __init__(self, *args: object, tenant: Tenant, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        # A name that no tool has any more can stay: it matches nothing.
        names = sorted({*key_tools.names(tenant), *(self.get_initial_for_field(self.fields["tools"], "tools") or ())})
        self.fields["tools"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        if not names:
            del self.fields["tools"]
            self.fields["offer"].choices = self.fields["offer"].choices[:-1]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("offer") == "chosen" and not self.cleaned_data.get("tools"):
            self.add_error("offer", "Choose at least one tool, or none at all.")
        return self.cleaned_data

    @property
    def wanted(self) -> list[str] | None:
        """The chosen names, None for all."""
        chosen: dict[str, list[str] | None] = {"chosen": self.cleaned_data.get("tools") or [], "none": []}
        return chosen.get(self.cleaned_data["offer"])


class KeyForm(ToolsForm, RoleForm):
    name = forms.CharField(label="Name", max_length=80, help_text="Where it is used, so that you know what to end.")
    days = forms.TypedChoiceField(label="Expires after", choices=LIVES, coerce=int, required=False, empty_value=None)
    field_order = ("name", "role", "days", "offer", "tools")

    def clean(self) -> dict[str, Any]:
        # The first choice stands there by itself: whoever ticked tools below meant those, and not all.
        if self.cleaned_data.get("tools") and self.cleaned_data.get("offer") != "chosen":
            self.add_error("offer", "Tools are ticked below. Choose them here, or untick them.")
        return super().clean()


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_variables("secret")
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """The list; POST makes a key, and the answer shows it this once."""
    acting = access.for_session(request.user, slug, Act.KEYS_WRITE)
    form = KeyForm(request.POST or None, acting=acting, tenant=acting.tenant, initial={"role": Role.MEMBER})
    secret = ""
    if form.is_valid():
        try:
            secret = _create(form, acting)
            form = KeyForm(acting=acting, tenant=acting.tenant, initial={"role": Role.MEMBER})
        except actions.Refused as refused:
            form.add_error("name", str(refused))
    rows = list(
        ApiKey.objects.for_tenant(acting.tenant).select_related("created_by").order_by("revoked_at", "-created_at")
    )
    used = usage_report.of_keys(acting, timezone.now().date().replace(day=1))
    for row in rows:
        row.used = used.get(row.pk)  # type: ignore[attr-defined]
    context = {"keys": rows, "form": form, "secret": secret, "now": timezone.now(), "base_url": _base_url(request)}
    return render(request, "tenants/keys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def tools(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Choose the tools that a key is offered from its next request on."""
    acting = access.for_session(request.user, slug, Act.KEYS_WRITE)
    key = get_object_or_404(ApiKey.objects.for_tenant(acting.tenant), pk=pk, revoked_at=None)
    form = ToolsForm(request.POST or None, tenant=acting.tenant, initial=_offered(key))
    if form.is_valid():
        try:
            actions.change_key_tools(key, form.wanted, acting=acting)
        except actions.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"The tools of {key.name} are changed, from its next request on.")
            return redirect("keys", slug=slug)
    return render(request, "tenants/key_tools.html", {"key": key, "form": form})


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
    return actions.create_api_key(
        form.cleaned_data["name"], role=role, expires_at=expires_at, tools=form.wanted, acting=acting
    )[1]


def _offered(key: ApiKey) -> dict[str, object]:
    if key.tools is None:
        return {"offer": "all", "tools": []}
    return {"offer": "chosen" if key.tools else "none", "tools": key.tools}


def _base_url(request: HttpRequest) -> str:
    return request.build_absolute_uri("/v1")
