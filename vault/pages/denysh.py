"""`…/console/denysh/`: items for deny.sh's clients, and the deny.sh server that tools may use instead of the vault."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import access
from tenants.access import Act, Principal
from tenants.models import Tenant
from tenants.rules import Refused
from vault import labels, limits
from vault.denysh import items, sealing, server
from vault.denysh.sealing import Sealed
from vault.errors import CredentialNotFound, VaultError
from vault.models import SealedItem
from vault.pages import refusals, status
from vault.pages.forms import PasswordField, ValueField


class SealedField(forms.CharField):
    """An item as `static/js/denysh.js` seals it: salt, counter block and ciphertext in hex, one behind the other."""

    widget = forms.HiddenInput

    def clean(self, value: object) -> Any:
        text: str = super().clean(value)
        try:
            return Sealed.unpack(bytes.fromhex(text)) if text else None
        except ValueError:
            raise forms.ValidationError("This is no sealed item.") from None


class ItemForm(forms.Form):
    """Either a value and a password, which are sealed here, or what the browser has sealed, and neither of them."""

    label = forms.CharField(
        max_length=labels.LONGEST,
        strip=False,
        widget=forms.TextInput({"class": "mono", "autocomplete": "off"}),
        help_text="What clients ask for, such as stripe-prod. A label that is there already gets a newer item.",
    )
    value = ValueField(required=False, help_text="Text only.")
    password = PasswordField(
        "Password for this item",
        new=True,
        required=False,
        help_text="The one that clients give to vault_get. It need not be the vault's, and is better another one.",
    )
    sealed = SealedField(required=False, max_length=2 * (sealing.SALT + sealing.IV + sealing.LONGEST))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in ("value", "password"):
            if not (data.get("sealed") or data.get(name) or name in self.errors):
                self.add_error(name, "This field is required.")
        return data


class ServerForm(forms.Form):
    base_url = forms.URLField(
        label="Address",
        max_length=500,
        assume_scheme="https",
        help_text="Up to and including /api.",
        widget=forms.URLInput({"placeholder": "https://deny.sh/api", "class": "mono", "autocomplete": "off"}),
    )
    key = forms.CharField(
        label="API key",
        required=False,
        max_length=1000,
        widget=forms.PasswordInput({"autocomplete": "off", "class": "mono"}),
    )
    password = PasswordField("Password of its items", required=False)

    def __init__(self, data: object, *, tenant: Tenant) -> None:
        named = server.named(tenant)
        super().__init__(data, initial={"base_url": named.base_url} if named else None)  # type: ignore[arg-type]
        if named:
            for name in ("key", "password"):
                self.fields[name].help_text = "One is stored. Leave this empty to keep it; it stays with its address."


@require_safe
@never_cache
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """The items, and the server if one is named."""
    principal = access.for_session(request.user, slug, Act.READ)
    return _page(request, principal)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables("form", "data")
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Keep what the browser has sealed; or seal a value in this one request, as a client would, and keep it."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    form, error = ItemForm(request.POST or None), None
    if form.is_valid():
        data = form.cleaned_data
        try:
            if data["sealed"]:
                items.store(data["label"], data["sealed"], acting=principal)
            else:
                limits.spend(principal, status.address(request))
                items.put(data["label"], data["value"], data["password"], acting=principal)
            messages.success(request, f"{data['label']} is kept for deny.sh's clients.")
            return redirect("denysh", slug=slug)
        except VaultError as refusal:
            error = refusal
            refusals.tell(form, refusal)
    return refusals.page(request, "vault/denysh_add.html", {"form": form}, error)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def delete(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Ask, then remove one item."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    try:
        if request.method == "POST":
            messages.success(request, f"{items.delete(str(pk), acting=principal)} is gone.")
            return redirect("denysh", slug=slug)
        item = items.find(principal.tenant, str(pk))
    except CredentialNotFound:
        raise Http404 from None
    return refusals.page(request, "vault/denysh_delete.html", {"item": item}, None)


@require_POST
@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables("form")
def connect(request: HttpRequest, slug: str) -> HttpResponse:
    """Let tools take their credentials from a deny.sh server."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    form = ServerForm(request.POST, tenant=principal.tenant)
    if form.is_valid():
        data = form.cleaned_data
        try:
            server.connect(data["base_url"], key=data["key"], password=data["password"], acting=principal)
            messages.success(request, "Tools take their credentials from this server now.")
            return redirect("denysh", slug=slug)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        except VaultError as refusal:
            refusals.tell(form, refusal)
    return _page(request, principal, form)


@require_POST
@never_cache
@login_required
def disconnect(request: HttpRequest, slug: str) -> HttpResponse:
    """Back to the vault here."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    if server.disconnect(acting=principal):
        messages.success(request, "Tools take their credentials from the vault here again.")
    return redirect("denysh", slug=slug)


def _page(request: HttpRequest, principal: Principal, form: ServerForm | None = None) -> HttpResponse:
    rows: list[SealedItem] = list(items.newest(principal.tenant))
    context: dict[str, object] = {
        "items": rows,
        "server": server.named(principal.tenant),
        "form": form or ServerForm(None, tenant=principal.tenant),
        "may_write": principal.may(Act.VAULT_WRITE),
        "api_url": request.build_absolute_uri("/api"),
    }
    return refusals.page(request, "vault/denysh.html", context, None)
