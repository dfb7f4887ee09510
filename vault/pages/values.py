"""A label's page and the acts on its value: add, replace, reveal, delete one's own, purge for all."""

import base64
from collections.abc import Callable
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
from vault import entries, limits, lookalikes
from vault.errors import NoValue, VaultError, WrongPassword
from vault.models import VaultEntry
from vault.pages import padding, refusals, status
from vault.pages.forms import AddForm, PasswordForm, PurgeForm, ReplaceForm

TEMPLATE = "vault/entry.html"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables("form", "data")
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Store a value under a new label, or write one's own value under a known one; without a value, make the label."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    form = AddForm(request.POST or None)
    error = _store(request, principal, form) if form.is_valid() else None
    if form.is_bound and not form.errors:
        messages.success(request, f"{form.cleaned_data['label']} is stored.")
        return redirect("vault", slug=slug)
    return refusals.page(request, "vault/add.html", {"form": form, "lookalikes": lookalikes.fresh()}, error)


@sensitive_variables()
def _store(request: HttpRequest, principal: Principal, form: AddForm) -> VaultError | None:
    """Act on a valid form; what was refused is in its errors."""
    data = form.cleaned_data
    try:
        limits.spend(principal, status.address(request))
        if data["value"]:
            secret = {"password": data["password"], "band": data["band"]}
            entries.put(principal.tenant, data["label"], data["value"], actor=principal, **secret)
        else:
            entries.make(principal.tenant, data["label"], band=data["band"], actor=principal)
    except VaultError as error:
        refusals.tell(form, error)
        return error
    return None


@require_safe
@never_cache
@login_required
def show(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """One label, with the acts on it."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    return _page(request, _entry(principal, pk))


@require_POST
@never_cache
@login_required
@sensitive_post_parameters()
def replace(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """A new value in one's own slot, which must hold one."""

    def act(principal: Principal, entry: VaultEntry, data: dict[str, Any]) -> None:
        entries.rotate(principal.tenant, entry.label, data["value"], password=data["password"], actor=principal)

    return _act(request, slug, pk, "replace_form", ReplaceForm(request.POST), act, "{} is replaced.")


@require_POST
@never_cache
@login_required
@sensitive_post_parameters()
def delete(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Empty one's own slot."""

    def act(principal: Principal, entry: VaultEntry, data: dict[str, Any]) -> None:
        entries.delete(principal.tenant, entry.label, password=data["password"], actor=principal)

    done = "{} holds no value under this password now."
    return _act(request, slug, pk, "delete_form", PasswordForm(request.POST), act, done)


@require_POST
@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables("form", "value", "shown")
def reveal(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Show one's own value in the answer to this one request."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    entry, form = _entry(principal, pk), PasswordForm(request.POST)
    if not form.is_valid():
        return _page(request, entry, reveal_form=form)
    try:
        limits.spend(principal, status.address(request))
        value = entries.get(principal.tenant, entry.label, password=form.cleaned_data["password"], actor=principal)
    except VaultError as error:
        refusals.tell(form, error)
        return _page(request, entry, error, reveal_form=form)
    shown, is_text = _readable(value)
    return _page(request, entry, shown=shown, is_text=is_text)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def purge(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Ask for the label, then remove it with every password's value."""
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    entry = _entry(principal, pk)
    form = PurgeForm(request.POST or None, expected=entry.label)
    if not form.is_valid():
        return refusals.page(request, "vault/purge.html", {"entry": entry, "form": form}, None)
    try:
        entries.purge(principal.tenant, entry.label, actor=principal)
    except VaultError as error:
        refusals.tell(form, error)
        return refusals.page(request, "vault/purge.html", {"entry": entry, "form": form}, error)
    messages.success(request, f"{entry.label} is gone, with every value beneath it.")
    return redirect("vault", slug=slug)


def _act(
    request: HttpRequest, slug: str, pk: UUID, name: str, form: forms.Form,
    act: Callable[[Principal, VaultEntry, dict[str, Any]], None], done: str,
) -> HttpResponse:  # fmt: skip
    principal = access.for_session(request.user, slug, Act.VAULT_WRITE)
    entry = _entry(principal, pk)
    if not form.is_valid():
        return _page(request, entry, None, **{name: form})
    try:
        limits.spend(principal, status.address(request))
        act(principal, entry, form.cleaned_data)
    except VaultError as error:
        refusals.tell(form, error)
        return _page(request, entry, error, **{name: form})
    messages.success(request, done.format(entry.label))
    # No redirect, which a refusal does not get: a proxy's log would tell the two apart for ever.
    return _page(request, _entry(principal, pk))


def _entry(principal: Principal, pk: UUID) -> VaultEntry:
    return get_object_or_404(VaultEntry.objects.for_tenant(principal.tenant).defer("sealed"), pk=pk)


def _page(request: HttpRequest, entry: VaultEntry, error: VaultError | None = None, **context: object) -> HttpResponse:
    fresh = {"replace_form": ReplaceForm(auto_id="replace_%s"), "reveal_form": PasswordForm(auto_id="reveal_%s")}
    fresh["delete_form"] = PasswordForm(auto_id="delete_%s")
    context = {"entry": entry, "lookalikes": lookalikes.fresh(), **fresh, **context}
    # A value, none, and a password that opens nothing are answered alike towards everybody on the way: one status, one
    # size. What was found is said on the page.
    alike = isinstance(error, NoValue | WrongPassword)
    return padding.pad(refusals.page(request, TEMPLATE, context, None if alike else error), entry.band)


def _readable(value: bytes) -> tuple[str, bool]:
    """The value as text, or in base64 when it is none."""
    try:
        return value.decode(), True
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), False
