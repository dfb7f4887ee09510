"""`/start/`: the first steps of a new workspace; this app's own step is its name."""

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from tenants import access, actions, onboarding
from tenants.access import Act


class NameForm(forms.Form):
    name = forms.CharField(
        label="Workspace name", max_length=80, help_text="Your team, company or project. You can change it later."
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def begin(request: HttpRequest) -> HttpResponse:
    """Name a new workspace; `?new=1` a further one, otherwise the steps are taken up where they were left."""
    if request.method != "POST" and "new" not in request.GET and access.person(request).memberships.exists():
        return redirect(onboarding.resume_url(access.person(request)))
    form = NameForm(request.POST or None)
    if form.is_valid():
        try:
            principal = actions.create_tenant(form.cleaned_data["name"], acting=access.person(request))
            return redirect(onboarding.next_url(principal.tenant, after="workspace"))
        except actions.Refused as refused:
            form.add_error("name", str(refused))
    return render(request, "tenants/start_workspace.html", {"form": form, **onboarding.frame(None, "workspace")})


@require_safe
@login_required
def resume(request: HttpRequest, slug: str) -> HttpResponse:
    """Take the steps up where they were left."""
    tenant = access.for_session(request.user, slug, Act.TENANT_WRITE).tenant
    return redirect(onboarding.next_url(tenant))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def workspace(request: HttpRequest, slug: str) -> HttpResponse:
    """The name again, for whoever steps back."""
    principal = access.for_session(request.user, slug, Act.TENANT_WRITE)
    form = NameForm(request.POST or None, initial={"name": principal.tenant.name})
    if form.is_valid():
        try:
            tenant = actions.change_tenant(acting=principal, name=form.cleaned_data["name"])
            return redirect(onboarding.next_url(tenant, after="workspace"))
        except actions.Refused as refused:
            form.add_error("name", str(refused))
    frame = onboarding.frame(principal.tenant, "workspace")
    return render(request, "tenants/start_workspace.html", {"form": form, **frame})
