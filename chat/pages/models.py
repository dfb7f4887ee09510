"""Where the model comes from: the console page, its test button, and the step of `/start/`."""

import asyncio

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from chat.pages.model_form import ModelForm, stored
from chat.providers import check, upstream
from chat.providers.check import CheckResult
from chat.providers.upstream import Upstream
from deny_web import loop
from tenants import access, onboarding
from tenants.access import Act, Principal
from tenants.models import Tenant
from tenants.rules import Refused

STEP = "model"
TEST_SECONDS = 45


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters("key", "headers")
@sensitive_variables("form")
def show(request: HttpRequest, slug: str) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    form = ModelForm(request.POST or None, tenant=principal.tenant)
    if _saved(form, principal):
        if "test" in request.POST:  # without script the test is of what was just stored
            result = _try(form.upstream())
            (messages.success if result.ok else messages.error)(request, result.sentence)
        else:
            messages.success(request, "Saved. The next message goes to this model.")
        return redirect("models", slug)
    return render(request, "chat/models.html", {"tenant": principal.tenant, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters("key", "headers")
@sensitive_variables("form")
def step(request: HttpRequest, slug: str) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    form = ModelForm(request.POST or None, tenant=principal.tenant)
    if _saved(form, principal):
        return redirect(onboarding.next_url(principal.tenant, after=STEP))
    return render(request, "chat/start_model.html", {"form": form, **onboarding.frame(principal.tenant, STEP)})


@require_POST
@never_cache
@login_required
@sensitive_post_parameters("key", "headers")
@sensitive_variables("form")
def test(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask the model that the form describes, stored or not, and say what came of it."""
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    form = ModelForm(request.POST, tenant=principal.tenant)
    if not form.is_valid():
        sentence = " ".join(str(error) for errors in form.errors.values() for error in errors)
        return JsonResponse({"ok": False, "sentence": sentence, "models": []})
    try:
        result = _try(form.upstream())
    except upstream.NoUpstream:
        result = CheckResult(False, "This server offers no such model.")
    return JsonResponse({"ok": result.ok, "sentence": result.sentence, "models": list(result.models)})


def is_done(tenant: Tenant) -> bool:
    """Whether somebody has chosen; until then the server's default or the demo answers."""
    return stored(tenant) is not None


def missing(tenant: Tenant) -> str | None:
    try:
        upstream.for_tenant(tenant)
    except upstream.NoUpstream:
        return "Connect a model; without one nothing answers."
    return None


def _saved(form: ModelForm, acting: Principal) -> bool:
    if not form.is_valid():
        return False
    try:
        form.save(acting)
    except Refused as refused:
        form.add_error(None, str(refused))
        return False
    return True


@sensitive_variables("source")
def _try(source: Upstream) -> CheckResult:
    async def bounded() -> CheckResult:
        try:
            async with asyncio.timeout(TEST_SECONDS):
                return await check.try_upstream(source)
        except TimeoutError:
            return CheckResult(False, f"The upstream did not finish an answer within {TEST_SECONDS} seconds.")

    return loop.submit(bounded()).result()
