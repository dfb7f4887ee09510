"""This app's pages. A page of a workspace stands under `/t/SLUG/` and takes the keyword `slug`."""

from django.urls import URLPattern, URLResolver, path

from tenants.pages import (
    audit,
    entrance,
    invitation,
    keys,
    landing,
    members,
    overview,
    prices,
    settings,
    spend,
    start,
    usage,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", landing.show, name="landing"),
    path("start/", start.begin, name="start"),
    path("start/demo/", entrance.demo, name="start_demo"),
    path("start/<slug:slug>/", start.resume, name="start_resume"),
    path("start/<slug:slug>/name/", start.workspace, name="start_workspace"),
    path("invite/<str:token>/", invitation.show, name="invitation"),
    path("t/<slug:slug>/", entrance.workspace, name="workspace"),
    path("t/<slug:slug>/console/", overview.show, name="console"),
    path("t/<slug:slug>/console/members/", members.show, name="members"),
    path("t/<slug:slug>/console/members/<int:pk>/role/", members.role, name="member_role"),
    path("t/<slug:slug>/console/members/<int:pk>/remove/", members.remove, name="member_remove"),
    path("t/<slug:slug>/console/members/invitations/<int:pk>/withdraw/", members.withdraw, name="invitation_withdraw"),
    path("t/<slug:slug>/console/keys/", keys.show, name="keys"),
    path("t/<slug:slug>/console/keys/<int:pk>/tools/", keys.tools, name="key_tools"),
    path("t/<slug:slug>/console/keys/<int:pk>/revoke/", keys.revoke, name="key_revoke"),
    path("t/<slug:slug>/console/keys/<int:pk>/limits/", spend.key_limits, name="key_limits"),
    path("t/<slug:slug>/console/spend/", spend.show, name="spend"),
    path("t/<slug:slug>/console/spend/budgets/<int:pk>/", spend.change, name="budget"),
    path("t/<slug:slug>/console/spend/budgets/<int:pk>/remove/", spend.remove, name="budget_remove"),
    path("t/<slug:slug>/console/spend/limits/", spend.limits, name="spend_limits"),
    path("t/<slug:slug>/console/spend/prices/", prices.show, name="prices"),
    path("t/<slug:slug>/console/spend/prices/load/", prices.load, name="prices_load"),
    path("t/<slug:slug>/console/spend/prices/<int:pk>/remove/", prices.remove, name="price_remove"),
    path("t/<slug:slug>/console/usage/", usage.show, name="usage"),
    path("t/<slug:slug>/console/usage/export/", usage.export, name="usage_export"),
    path("t/<slug:slug>/console/settings/", settings.show, name="settings"),
    path("t/<slug:slug>/console/audit/", audit.show, name="audit"),
    path("t/<slug:slug>/console/audit/export/", audit.export, name="audit_export"),
]
