"""The chat page: a new conversation or a stored one, and the two small answers that keep other tabs up to date."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from chat import lookup, transcript
from chat.demo.starters import DEMO_OTHER_PASSWORD, DEMO_PASSWORD
from chat.models import Conversation, Tool
from chat.pages import rail, starters, words
from chat.providers import upstream
from tenants import access
from tenants.access import Act, Principal
from tenants.models import Tenant, User
from vault import leases
from vault.denysh import server
from vault.errors import Unavailable
from vault.lease_format import Lease


def own(request: HttpRequest, slug: str, conversation_id: str, act: Act = Act.READ) -> tuple[Principal, Conversation]:
    """The conversation, if it is this person's. Raises Http404 alike for a foreign and an absent one."""
    principal = access.for_session(request.user, slug, act)
    conversation = lookup.conversations(principal).filter(pk=conversation_id).first()
    if conversation is None:
        raise Http404("There is no such conversation. It may have been deleted.")
    return principal, conversation


@require_safe
@login_required
def new(request: HttpRequest, slug: str) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.READ)
    return _page(request, principal, None)


@require_safe
@login_required
def show(request: HttpRequest, slug: str, conversation_id: str) -> HttpResponse:
    return _page(request, *own(request, slug, conversation_id))


@require_safe
@login_required
def state(request: HttpRequest, slug: str, conversation_id: str) -> HttpResponse:
    """The newest response's id: asked every few seconds by open pages, so it costs one row."""
    _, conversation = own(request, slug, conversation_id)
    return JsonResponse({"newest": transcript.newest_id(conversation)})


@require_safe
@login_required
def turns(request: HttpRequest, slug: str, conversation_id: str) -> HttpResponse:
    """The chain as ids and questions; a page follows the answers over its socket."""
    _, conversation = own(request, slug, conversation_id)
    return JsonResponse({"turns": [turn.as_link() for turn in transcript.turns(conversation)]})


def newest_url(tenant: Tenant, user: User) -> str:
    """Where a person lands in a workspace: their newest conversation, or an empty one."""
    own_ones = Conversation.objects.for_tenant(tenant).filter(created_by=user).order_by("-changed_at")
    newest = own_ones.values_list("pk", flat=True).first()
    return reverse("conversation", args=(tenant.slug, newest)) if newest else reverse("chat", args=(tenant.slug,))


def _page(request: HttpRequest, principal: Principal, conversation: Conversation | None) -> HttpResponse:
    tenant = principal.tenant
    query = request.GET.get("q", "")
    denysh = server.named(tenant)
    turns = transcript.turns(conversation) if conversation else []
    for call in (part.call for turn in turns for part in turn.parts if denysh and part.call):
        words.by_denysh(call)
    context = {
        "tenant": tenant,
        "conversation": conversation,
        "days": rail.days(lookup.conversations(principal), query),
        "query": query,
        "turns": turns,
        "starters": starters.for_tenant(tenant),
        "demo_passwords": (DEMO_PASSWORD, DEMO_OTHER_PASSWORD) if tenant.demo else (),
        "words": words.for_script(bool(denysh)),
        "may_chat": principal.may(Act.CHAT),
        "may_unlock": principal.may(Act.VAULT_UNLOCK) and not denysh,  # unlocking would change nothing for tools
        "denysh": urlsplit(denysh.base_url).netloc if denysh else "",
        "may_connect": principal.may(Act.MODELS_WRITE),
        "tool_count": Tool.objects.for_tenant(tenant).filter(enabled=True).count(),
        "lease": _lease(tenant),
        **_model(principal),
    }
    response = render(request, "chat/page.html", context)
    # A link's host would be looked up before anyone clicks it, which tells its name server what the model wrote.
    response.headers["X-DNS-Prefetch-Control"] = "off"
    return response


def _lease(tenant: Tenant) -> Lease | None:
    """None too where nobody can tell: tools find the vault locked then, and what was said can be read all the same."""
    try:
        return leases.current(tenant.id)
    except Unavailable:
        return None


def _model(principal: Principal) -> dict[str, Any]:
    try:
        source = upstream.for_tenant(principal.tenant)
    except upstream.NoUpstream:
        return {"model": "", "is_demo": False}
    return {"model": source.model, "is_demo": source.kind == upstream.DEMO}
