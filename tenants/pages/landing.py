"""`/`: what this is, for strangers; the way back in, for people."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from tenants import onboarding


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(onboarding.landing_url(request.user))
    return render(request, "landing.html", {"demo": settings.DEMO})
