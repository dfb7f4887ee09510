"""`/invite/TOKEN/`: what the invitation is for, and joining."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from tenants import actions, invitations, onboarding


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_variables("token")
def show(request: HttpRequest, token: str) -> HttpResponse:
    try:
        invitation = invitations.find(token)
    except actions.Refused as refused:
        return render(request, "tenants/invitation.html", {"refused": str(refused)}, status=410)
    refused_sentence = ""
    if request.method == "POST" and request.user.is_authenticated:
        try:
            principal = actions.accept_invitation(token, acting=request.user)
            messages.success(request, f"You have joined {principal.tenant.name}.")
            return redirect(onboarding.chat_url(principal.tenant))
        except actions.Refused as refused:
            refused_sentence = str(refused)
    following = "?" + urlencode({"next": request.path})
    context = {
        "invitation": invitation,
        "refused": refused_sentence,
        "login_url": reverse("account_login") + following,
        "signup_url": reverse("account_signup") + following,
    }
    return render(request, "tenants/invitation.html", context, status=409 if refused_sentence else 200)
