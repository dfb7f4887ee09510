"""`/t/SLUG/console/audit/`: who did what, newest first."""

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenants import access
from tenants.access import Act
from tenants.models import AuditRow

PAGE = 50


class FilterForm(forms.Form):
    verb = forms.CharField(required=False, max_length=60)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**62)


@require_safe
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    acting = access.for_session(request.user, slug, Act.AUDIT_READ)
    wanted = FilterForm(request.GET)
    wanted.is_valid()
    verb, before = wanted.cleaned_data.get("verb", ""), wanted.cleaned_data.get("before")
    everything = AuditRow.objects.for_tenant(acting.tenant)
    rows = everything.filter(**({"verb": verb} if verb else {}), **({"n__lt": before} if before else {}))
    page = list(rows.order_by("-n")[: PAGE + 1])
    context = {
        "rows": page[:PAGE],
        "older": page[PAGE - 1].n if len(page) > PAGE else None,
        "verb": verb,
        "verbs": everything.order_by("verb").values_list("verb", flat=True).distinct(),
        "newest": not before,
    }
    return render(request, "tenants/audit.html", context)
