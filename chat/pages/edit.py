"""Renaming and deleting a conversation; both also work as plain pages without script."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from chat.models import Conversation
from chat.pages.conversation import own
from tenants.access import Act


class TitleForm(forms.ModelForm):
    class Meta:
        model = Conversation
        fields = ("title",)

    title = forms.CharField(label="Title", max_length=200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rename(request: HttpRequest, slug: str, conversation_id: str) -> HttpResponse:
    principal, conversation = own(request, slug, conversation_id, Act.CHAT)
    form = TitleForm(request.POST or None, instance=conversation)
    if form.is_valid():
        conversation.save(update_fields=["title"])
        return redirect("conversation", slug, conversation.pk)
    return render(request, "chat/rename.html", {"tenant": principal.tenant, "conversation": conversation, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request: HttpRequest, slug: str, conversation_id: str) -> HttpResponse:
    principal, conversation = own(request, slug, conversation_id, Act.CHAT)
    # The ledger's rows go with the conversation; those of a running turn are still needed by its worker.
    if conversation.active_id:
        messages.error(request, "This conversation is still answering. Stop it, then delete it.")
        return redirect("conversation", slug, conversation.pk)
    if request.method == "POST":
        conversation.delete()
        messages.success(request, "The conversation was deleted.")
        return redirect("chat", slug)
    return render(request, "chat/delete.html", {"tenant": principal.tenant, "conversation": conversation})
