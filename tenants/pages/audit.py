"""`/t/SLUG/console/audit/`: who did what, newest first; filtered, exported, and with its head to be anchored."""

from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tenants import access, audit, audit_heads
from tenants.access import Act, Principal
from tenants.audit_export import TYPES, Export
from tenants.audit_rows import Wanted, matching
from tenants.models import AuditRow

PAGE = 50


class FilterForm(forms.Form):
    verb = forms.CharField(label="Act", required=False, max_length=60)
    actor = forms.CharField(label="Who", required=False, max_length=300)
    subject = forms.CharField(label="What", required=False, max_length=600)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput({"type": "date"}))
    before = forms.IntegerField(required=False, min_value=1, max_value=2**62)

    def wanted(self) -> Wanted:
        """What is asked for; a field that cannot be read asks for nothing."""
        self.is_valid()
        given = {name: self.cleaned_data.get(name) for name in Wanted.__dataclass_fields__}
        return Wanted(**{name: value for name, value in given.items() if value})


@require_safe
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    acting = access.for_session(request.user, slug, Act.AUDIT_READ)
    form = FilterForm(request.GET)
    wanted, before = form.wanted(), form.cleaned_data.get("before")
    # By number and never by offset or count: a page costs the same at any depth of a long trail.
    rows = matching(acting.tenant, wanted).filter(**({"n__lt": before} if before else {}))
    page = list(rows.order_by("-n")[: PAGE + 1])
    everything = AuditRow.objects.for_tenant(acting.tenant)
    context = {
        "rows": page[:PAGE],
        "older": page[PAGE - 1].n if len(page) > PAGE else None,
        "form": form,
        "wanted": wanted.told(),
        "query": urlencode(wanted.told()),
        "verbs": everything.order_by("verb").values_list("verb", flat=True).distinct(),
        "newest": not before,
        "head": audit_heads.head(acting.tenant),
    }
    return render(request, "tenants/audit.html", context)


@require_POST
@never_cache
@login_required
def export(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The rows that the filter asks for, as a file. A POST, since the export is itself a row of the trail."""
    acting = access.for_session(request.user, slug, Act.AUDIT_READ)
    kind, wanted = request.POST.get("format", "json"), FilterForm(request.POST).wanted()
    if kind not in TYPES:
        kind = "json"
    audit.record(acting.tenant, "audit.export", actor=acting, detail={"format": kind, **wanted.told()})

    def allowed() -> Principal:
        return access.for_session(request.user, slug, Act.AUDIT_READ)

    pieces = Export(acting.tenant, wanted, kind, allowed=allowed).apieces()
    name = f"audit-{acting.tenant.slug}-{timezone.now():%Y-%m-%d}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(pieces, content_type=TYPES[kind], headers=headers)
