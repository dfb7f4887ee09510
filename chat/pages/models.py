"""Where the models come from: the console's list of upstreams, their forms, the test button, the step of `/start/`."""

import asyncio

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from chat.models import Provider
from chat.pages import presets, upstream_list
from chat.pages.model_form import HELP, ModelForm
from chat.providers import actions, check, upstream
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
    """The list; where there is none yet, the form of the first, which is the workspace's "default"."""
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    form = ModelForm(request.POST or None, tenant=principal.tenant)
    if _saved(form, principal):
        return _tested(request, form, slug)
    context = {
        **_form(principal.tenant, form),
        **upstream_list.context(principal.tenant),
        "shows_form": form.is_bound or not actions.stored(principal.tenant),
    }
    return render(request, "chat/models.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters("key", "headers")
@sensitive_variables("form")
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """A further upstream; `?preset=` fills the form for a known kind of server."""
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    chosen = presets.find(request.GET.get("preset", ""))
    form = ModelForm(request.POST or None, tenant=principal.tenant, name=None, preset=chosen)
    if _saved(form, principal):
        return _tested(request, form, slug)
    context = {**_form(principal.tenant, form), "chosen": chosen}
    return render(request, "chat/models_add.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters("key", "headers")
@sensitive_variables("form")
def change(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One upstream."""
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    row = find(principal.tenant, pk)
    form = ModelForm(request.POST or None, tenant=principal.tenant, name=row.name)
    if _saved(form, principal):
        return _tested(request, form, slug)
    context = {**_form(principal.tenant, form), "row": row, "routes": upstream_list.leading_to(row)}
    return render(request, "chat/models_change.html", context)


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
    context = {**_form(principal.tenant, form), **onboarding.frame(principal.tenant, STEP)}
    return render(request, "chat/start_model.html", context)


@require_POST
@never_cache
@login_required
@sensitive_post_parameters("key", "headers")
@sensitive_variables("form")
def test(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask the model that the form describes, stored or not, and say what came of it."""
    principal = access.for_session(request.user, slug, Act.MODELS_WRITE)
    form = ModelForm(request.POST, tenant=principal.tenant, name=request.GET.get("upstream", "default"))
    if not form.is_valid():
        sentence = " ".join(str(error) for errors in form.errors.values() for error in errors)
        return JsonResponse({"ok": False, "sentence": sentence, "models": []})
    try:
        result = _try(form.upstream())
    except upstream.NoUpstream:
        result = CheckResult(False, "This server offers no such model.")
    return JsonResponse({"ok": result.ok, "sentence": result.sentence, "models": list(result.models)})


def find(tenant: Tenant, pk: int) -> Provider:
    """Raises Http404, alike for a foreign one and for one that never was."""
    row = Provider.objects.for_tenant(tenant).filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def is_done(tenant: Tenant) -> bool:
    """Whether somebody has chosen; until then the server's default or the demo answers."""
    return Provider.objects.for_tenant(tenant).exists()


def missing(tenant: Tenant) -> str | None:
    try:
        upstream.for_tenant(tenant)
    except upstream.NoUpstream:
        return "Connect a model; without one nothing answers."
    return None


def _form(tenant: Tenant, form: ModelForm) -> dict[str, object]:
    choices = [
        {"tag": choice.data, "title": choice.choice_label, "help": HELP[choice.data["value"]]}
        for choice in form["kind"]
    ]
    name = form.provider.name if form.provider else ""
    return {"tenant": tenant, "form": form, "kinds": choices, "presets": presets.PRESETS, "upstream_name": name}


def _saved(form: ModelForm, acting: Principal) -> bool:
    if not form.is_valid():
        return False
    try:
        form.save(acting)
    except Refused as refused:
        form.add_error(None, str(refused))
        return False
    return True


def _tested(request: HttpRequest, form: ModelForm, slug: str) -> HttpResponse:
    if "test" in request.POST:  # without script the test is of what was just stored
        result = _try(form.upstream())
        (messages.success if result.ok else messages.error)(request, result.sentence)
    else:
        messages.success(request, "Saved. The next message goes to this model.")
    return redirect("models", slug)


@sensitive_variables("source")
def _try(source: Upstream) -> CheckResult:
    async def bounded() -> CheckResult:
        try:
            async with asyncio.timeout(TEST_SECONDS):
                return await check.try_upstream(source)
        except TimeoutError:
            return CheckResult(False, f"The upstream did not finish an answer within {TEST_SECONDS} seconds.")

    return loop.submit(bounded()).result()
