"""The chat's pages. A page of a workspace stands under `/t/SLUG/` and takes the keyword `slug`."""

from django.urls import URLPattern, URLResolver, path

from chat.pages import conversation, edit, models

urlpatterns: list[URLPattern | URLResolver] = [
    path("t/<slug:slug>/chat/", conversation.new, name="chat"),
    path("t/<slug:slug>/chat/<str:conversation_id>/", conversation.show, name="conversation"),
    path("t/<slug:slug>/chat/<str:conversation_id>/state/", conversation.state, name="conversation_state"),
    path("t/<slug:slug>/chat/<str:conversation_id>/turns/", conversation.turns, name="conversation_turns"),
    path("t/<slug:slug>/chat/<str:conversation_id>/rename/", edit.rename, name="conversation_rename"),
    path("t/<slug:slug>/chat/<str:conversation_id>/delete/", edit.delete, name="conversation_delete"),
    path("start/<slug:slug>/model/", models.step, name="start_model"),
    path("t/<slug:slug>/console/models/", models.show, name="models"),
    path("t/<slug:slug>/console/models/test/", models.test, name="models_test"),
]
