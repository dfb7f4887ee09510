"""Every page's address. The API under /v1 is a Starlette application beside Django's handler; see `asgi`."""

from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("", include("tenants.urls")),
    path("", include("vault.urls")),
    path("", include("chat.urls")),
]
