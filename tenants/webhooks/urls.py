"""The pages of webhooks, under `/t/SLUG/console/webhooks/`."""

from django.urls import URLPattern, path

from tenants.webhooks import pages

urlpatterns: list[URLPattern] = [
    path("", pages.show, name="webhooks"),
    path("<uuid:pk>/", pages.one, name="webhook"),
    path("<uuid:pk>/deliveries/", pages.deliveries, name="webhook_deliveries"),
    path("<uuid:pk>/deliveries/<uuid:delivery>/send/", pages.resend, name="webhook_resend"),
    path("<uuid:pk>/test/", pages.test, name="webhook_test"),
    path("<uuid:pk>/rotate/", pages.rotate, name="webhook_rotate"),
    path("<uuid:pk>/switch/", pages.switch, name="webhook_switch"),
    path("<uuid:pk>/delete/", pages.delete, name="webhook_delete"),
]
