"""`/t/SLUG/` and `/start/demo/`: addresses that only lead on."""

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_safe

from tenants import access, onboarding
from tenants import demo as demo_workspace
from tenants.access import Act


@require_safe
@login_required
def workspace(request: HttpRequest, slug: str) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.READ)
    return redirect(onboarding.chat_url(principal.tenant))


@require_GET  # not HEAD, with which link checkers would use the token up
@never_cache
@sensitive_variables("token")
def demo(request: HttpRequest) -> HttpResponse:
    """Sign in to the demo with the printed one-time address."""
    if not settings.DEMO:
        raise Http404
    if "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
        return HttpResponse(status=503)  # the browser guesses; the token is for the visit itself
    if request.user.is_authenticated:
        return redirect(onboarding.landing_url(request.user))  # a second click, or a person who is somebody already
    user = demo_workspace.redeem(request.GET.get("token", ""))
    if user is None:
        return render(request, "tenants/demo_gone.html", status=410)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])  # makes a new session key
    return redirect(onboarding.landing_url(user))
