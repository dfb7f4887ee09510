"""`/t/SLUG/console/settings/`: the workspace's name and the caps of one turn."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from tenants import access, actions
from tenants.access import Act
from tenants.models import Tenant


class SettingsForm(forms.ModelForm):
    class Meta:
        model = Tenant
        fields = ("name", "max_steps", "max_seconds", "max_background_seconds", "max_tokens")
        labels = {
            "max_steps": "Steps in a turn",
            "max_seconds": "Seconds in a turn",
            "max_background_seconds": "Seconds in a background turn",
            "max_tokens": "Tokens in a turn",
        }
        help_texts = {
            "max_steps": "Each model answer with tool calls is a step. A turn at its cap ends incomplete and says so.",
            "max_seconds": "From the question to the end, tools included.",
            "max_background_seconds": "The same for API requests that set background, deep research among them.",
            "max_tokens": "Read and written, over all steps.",
        }


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    acting = access.for_session(request.user, slug, Act.TENANT_WRITE)
    form = SettingsForm(request.POST or None, instance=Tenant.objects.get(pk=acting.tenant.pk))
    if form.is_valid():
        try:
            actions.change_tenant(acting=acting, **form.cleaned_data)
            messages.success(request, "Saved. The caps hold from the next turn on.")
            return redirect("settings", slug=slug)
        except actions.Refused as refused:
            form.add_error(None, str(refused))
    return render(request, "tenants/settings.html", {"form": form})
