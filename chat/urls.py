"""The chat's pages. A page of a workspace stands under `/t/SLUG/` and takes the keyword `slug`."""

from django.urls import URLPattern, URLResolver, path

from chat.pages import approvals, conversation, edit, models, routes, tool_start, tools, upstream_acts

urlpatterns: list[URLPattern | URLResolver] = [
    path("t/<slug:slug>/chat/", conversation.new, name="chat"),
    path("t/<slug:slug>/chat/<str:conversation_id>/", conversation.show, name="conversation"),
    path("t/<slug:slug>/chat/<str:conversation_id>/state/", conversation.state, name="conversation_state"),
    path("t/<slug:slug>/chat/<str:conversation_id>/turns/", conversation.turns, name="conversation_turns"),
    path("t/<slug:slug>/chat/<str:conversation_id>/rename/", edit.rename, name="conversation_rename"),
    path("t/<slug:slug>/chat/<str:conversation_id>/delete/", edit.delete, name="conversation_delete"),
    path("t/<slug:slug>/chat/approvals/<str:request_id>/", approvals.decide, name="approval"),
    path("start/<slug:slug>/model/", models.step, name="start_model"),
    path("t/<slug:slug>/console/models/", models.show, name="models"),
    path("t/<slug:slug>/console/models/test/", models.test, name="models_test"),
    path("t/<slug:slug>/console/models/add/", models.add, name="models_add"),
    path("t/<slug:slug>/console/models/<int:pk>/", models.change, name="models_change"),
    path("t/<slug:slug>/console/models/<int:pk>/switch/", upstream_acts.switch, name="models_switch"),
    path("t/<slug:slug>/console/models/<int:pk>/move/", upstream_acts.move, name="models_move"),
    path("t/<slug:slug>/console/models/<int:pk>/remove/", upstream_acts.remove, name="models_remove"),
    path("t/<slug:slug>/console/models/routes/add/", routes.add, name="route_add"),
    path("t/<slug:slug>/console/models/routes/<int:pk>/", routes.change, name="route_change"),
    path("t/<slug:slug>/console/models/routes/<int:pk>/move/", routes.move, name="route_move"),
    path("t/<slug:slug>/console/models/routes/<int:pk>/remove/", routes.remove, name="route_remove"),
    path("start/<slug:slug>/tool/", tool_start.step, name="start_tool"),
    path("t/<slug:slug>/console/tools/", tools.show, name="tools"),
    path("t/<slug:slug>/console/tools/add/", tools.add, name="tools_add"),
    path("t/<slug:slug>/console/tools/calls/<uuid:call_id>/", tools.call, name="tool_call"),
    path("t/<slug:slug>/console/tools/named/<slug:name>/", tools.tool, name="tool"),
    path("t/<slug:slug>/console/tools/named/<slug:name>/switch/", tools.switch, name="tool_switch"),
    path("t/<slug:slug>/console/tools/named/<slug:name>/delete/", tools.delete, name="tool_delete"),
]
