"""The chat's pages. A page of a workspace stands under `/t/SLUG/` and takes the keyword `slug`."""

from django.urls import URLPattern, URLResolver, path

from chat.pages import conversation, edit

urlpatterns: list[URLPattern | URLResolver] = [
    path("t/<slug:slug>/chat/", conversation.new, name="chat"),
    path("t/<slug:slug>/chat/<str:conversation_id>/", conversation.show, name="conversation"),
    path("t/<slug:slug>/chat/<str:conversation_id>/state/", conversation.state, name="conversation_state"),
    path("t/<slug:slug>/chat/<str:conversation_id>/turns/", conversation.turns, name="conversation_turns"),
    path("t/<slug:slug>/chat/<str:conversation_id>/rename/", edit.rename, name="conversation_rename"),
    path("t/<slug:slug>/chat/<str:conversation_id>/delete/", edit.delete, name="conversation_delete"),
]
