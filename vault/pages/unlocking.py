"""Unlock and lock: for the vault's page a form, answered by a redirect; for the chat's page JSON, answered by JSON.

The JSON is `{"locked": bool, "expires_at": ISO 8601 or null}`, or an error in the API's shape. Both take the CSRF
token, in the form or as the header X-CSRFToken.
"""

import json
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from tenants import access
from tenants.access import Act, Principal
from vault import leases, limits
from vault.errors import InvalidPassword, Refused, VaultError
from vault.leases import Lease
from vault.pages import refusals, status
from vault.pages.forms import UnlockForm


@require_POST
@never_cache
@sensitive_post_parameters()
def unlock(request: HttpRequest, slug: str) -> HttpResponse:
    """Let tools work for a while: `password`, and optionally `ttl` (seconds) and `next` (a path of this site)."""
    form = UnlockForm(_posted(request))

    def act(principal: Principal) -> Lease:
        if not form.is_valid():
            raise InvalidPassword if "password" in form.errors else Refused("Choose one of the times.")
        limits.spend(principal, status.address(request))
        ttl = form.cleaned_data["ttl"]
        return leases.unlock(principal.tenant, form.cleaned_data["password"], ttl=ttl, actor=principal)

    return _answer(request, slug, act, form, "The vault is unlocked. Tools can work.")


@require_POST
@never_cache
def lock(request: HttpRequest, slug: str) -> HttpResponse:
    """End that now."""

    def act(principal: Principal) -> None:
        leases.lock(principal.tenant, actor=principal)

    return _answer(request, slug, act, UnlockForm(), "The vault is locked. Tool calls end until it is unlocked again.")


@require_POST
@never_cache
def unattended(request: HttpRequest, slug: str) -> HttpResponse:
    """Hand the vault back to the password in the worker's environment."""

    def act(principal: Principal) -> None:
        leases.unattended(principal.tenant, actor=principal)

    done = "Handed back. A worker that has a password in its environment unlocks the vault when a tool needs it."
    return _answer(request, slug, act, UnlockForm(), done)


def _answer(
    request: HttpRequest, slug: str, act: Callable[[Principal], Lease | None], form: UnlockForm, done: str
) -> HttpResponse:
    if "application/json" in request.headers.get("Accept", ""):
        return _as_json(request, slug, act)
    if not request.user.is_authenticated:
        return redirect_to_login(resolve_url("vault", slug=slug))
    principal = access.for_session(request.user, slug, Act.VAULT_UNLOCK)
    try:
        act(principal)
    except VaultError as error:
        form.is_valid()  # gives an unbound form an empty list of errors to add to
        if not form.errors:
            refusals.tell(form, error)
        return status.page(request, principal, error, unlock_form=form)
    messages.success(request, done)
    return redirect(_next(request) or resolve_url("vault", slug=slug))


def _as_json(request: HttpRequest, slug: str, act: Callable[[Principal], Lease | None]) -> JsonResponse:
    if not request.user.is_authenticated:
        return refusals.json_error(401, "You are signed out. Sign in again.", "signed_out")
    try:
        lease = act(access.for_session(request.user, slug, Act.VAULT_UNLOCK))
    except Http404:
        return refusals.json_error(404, "There is no such workspace.", "not_found")
    except PermissionDenied as denied:
        return refusals.json_error(403, str(denied), "forbidden")
    except VaultError as error:
        return refusals.json(error)
    return JsonResponse({"locked": lease is None, "expires_at": lease.expires_at if lease else None})


def _posted(request: HttpRequest) -> dict[str, str]:
    """The fields of a form or of a JSON object; only texts and whole numbers count."""
    if request.content_type != "application/json":
        return request.POST.dict()
    try:
        body = json.loads(request.body)
    except ValueError:
        return {}
    fields = body.items() if isinstance(body, dict) else ()
    return {name: str(value) for name, value in fields if isinstance(value, str | int)}


def _next(request: HttpRequest) -> str | None:
    """Where to go on, if it is a page of this site: a link that unlocks must not lead away with the person's trust."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if target and safe else None
