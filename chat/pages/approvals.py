"""Deciding a tool call from the chat page without script, and the card of a call that waits."""

import re
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from chat import approvals
from chat.errors import ApiError
from chat.models import ToolCall
from chat.pages import words
from tenants import access
from tenants.access import Act

# What a card shows for the state of its question.
STATE_OF_VERDICT = {"waiting": "waiting", "approved": "queued", "denied": "denied", "expired": "denied"}


@require_POST
@login_required
def decide(request: HttpRequest, slug: str, request_id: str) -> HttpResponse:
    """Approve or deny, then go back to the conversation."""
    principal = access.for_session(request.user, slug, Act.CHAT)
    approve = request.POST.get("approve")
    if approve not in ("true", "false") or not re.fullmatch(r"mcpr_[0-9a-f]+", request_id):
        raise Http404("There is no such decision.")
    try:
        conversation = approvals.decide(principal, request_id, approve == "true").conversation_id
    except ApiError as error:
        if error.status == 404:
            raise Http404("There is no such tool call.") from None
        messages.error(request, words.APPROVALS["late"])
        calls = ToolCall.objects.for_tenant(principal.tenant).select_related("response")
        found = calls.get(item_id=approvals.call_item_id(request_id)).response
        conversation = found.conversation_id if found else None
    return redirect("conversation", slug, conversation) if conversation else redirect("chat", slug)


def card(body: dict[str, Any], verdict: str, arguments: str) -> dict[str, Any]:
    """The seam card's context of an `mcp_approval_request`; static/js/chat/approvals.js says the same of a live one."""
    state = STATE_OF_VERDICT.get(verdict, "stopped")
    waits = state == "waiting"
    quiet = words.APPROVALS["unsent"] if waits else words.TOOLS["queued" if state == "queued" else "unsent"]
    asked = (body.get("deny_web:request") or {}) if state in ("waiting", "queued") else {}
    return {
        "name": body.get("name") or "",
        "state": state,
        "arguments": arguments,
        **{name: asked.get(name) or "" for name in ("method", "host", "credential")},
        "quiet": quiet,
        "reason": words.say(words.APPROVALS, verdict),
        "approval": body["id"] if waits else "",
    }
