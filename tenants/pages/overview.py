"""`/t/SLUG/console/`: what is set up, what is missing, what to do next."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenants import access, console, onboarding
from tenants.access import Act


@require_safe
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.READ)
    lines = console.todos_for(principal)
    context = {
        "lines": lines,
        "next_line": next((line for line in lines if line["missing"] and not line["optional"]), None),
        "chat_url": onboarding.chat_url(principal.tenant),
        "may_chat": principal.may(Act.CHAT),
    }
    return render(request, "tenants/overview.html", context)
