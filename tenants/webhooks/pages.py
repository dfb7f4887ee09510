"""`/t/SLUG/console/webhooks/`: where events go, and what became of them."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import access
from tenants.access import Act, Principal
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.rules import Refused
from tenants.webhooks import endpoints, rows
from tenants.webhooks.forms import WebhookForm


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_variables("secret")
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """The list; POST adds an endpoint, and the answer shows its secret this once."""
    acting = access.for_session(request.user, slug, Act.WEBHOOKS_WRITE)
    form = WebhookForm(request.POST or None)
    if form.is_valid():
        try:
            endpoint, secret = form.save(acting)
        except Refused as refused:
            form.add_error("url", str(refused))
        else:
            return _page(request, endpoint, secret=secret)
    return render(request, "tenants/webhooks/list.html", {"endpoints": rows.of_endpoints(acting.tenant), "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def one(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """One endpoint and its newest deliveries; POST changes it."""
    acting, endpoint = _find(request, slug, pk)
    form = WebhookForm(request.POST or None, endpoint=endpoint)
    if form.is_valid():
        try:
            form.save(acting)
        except Refused as refused:
            form.add_error("url", str(refused))
        else:
            messages.success(request, "Saved. Events from now on follow it.")
            return redirect("webhook", slug=slug, pk=pk)
    return _page(request, endpoint, form=form)


@require_safe
@never_cache
@login_required
def deliveries(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """The list of deliveries alone: what the page looks at while one is on its way."""
    _, endpoint = _find(request, slug, pk)
    return render(request, "tenants/webhooks/deliveries.html", _deliveries(request, endpoint))


@require_POST
@login_required
def test(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Send a test event."""
    acting, endpoint = _find(request, slug, pk)
    try:
        endpoints.test(endpoint, acting=acting)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("webhook", slug=slug, pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_variables("secret")
def rotate(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Ask, then make a new secret; the answer shows it this once."""
    acting, endpoint = _find(request, slug, pk)
    if request.method != "POST":
        return render(request, "tenants/webhooks/rotate.html", {"endpoint": endpoint})
    secret = endpoints.rotate(endpoint, acting=acting)
    return _page(request, _find(request, slug, pk)[1], secret=secret)


@require_POST
@login_required
def switch(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Switch it on or off."""
    acting, endpoint = _find(request, slug, pk)
    on = request.POST.get("enabled") == "on"
    endpoints.switch(endpoint, on=on, acting=acting)
    messages.success(
        request,
        f"{endpoint.name} is on. It hears of what happens from now on."
        if on
        else f"{endpoint.name} is off. Nothing is sent there.",
    )
    return redirect("webhook", slug=slug, pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Ask, then delete."""
    acting, endpoint = _find(request, slug, pk)
    if request.method != "POST":
        return render(request, "tenants/webhooks/delete.html", {"endpoint": endpoint})
    endpoints.remove(endpoint, acting=acting)
    messages.success(request, f"{endpoint.name} is deleted. Nothing is sent there any more.")
    return redirect("webhooks", slug=slug)


@require_POST
@login_required
def resend(request: HttpRequest, slug: str, pk: UUID, delivery: UUID) -> HttpResponse:
    """Send an event once more."""
    acting, endpoint = _find(request, slug, pk)
    mine = WebhookDelivery.objects.for_tenant(acting.tenant).filter(endpoint=endpoint)
    try:
        endpoints.resend(get_object_or_404(mine, pk=delivery), acting=acting)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("webhook", slug=slug, pk=pk)


def _find(request: HttpRequest, slug: str, pk: UUID) -> tuple[Principal, WebhookEndpoint]:
    acting = access.for_session(request.user, slug, Act.WEBHOOKS_WRITE)
    return acting, get_object_or_404(WebhookEndpoint.objects.for_tenant(acting.tenant), pk=pk)


@sensitive_variables("secret")
def _page(
    request: HttpRequest, endpoint: WebhookEndpoint, *, form: WebhookForm | None = None, secret: str = ""
) -> HttpResponse:
    context = {
        "endpoint": endpoint,
        "host": rows.host(endpoint),
        "form": form or WebhookForm(None, endpoint=endpoint),
        "secret": secret,
        **_deliveries(request, endpoint),
    }
    return render(request, "tenants/webhooks/endpoint.html", context)


def _deliveries(request: HttpRequest, endpoint: WebhookEndpoint) -> dict[str, object]:
    return {"endpoint": endpoint, **rows.of_deliveries(endpoint, request.GET.get("page"))}
