"""The ASGI application: three doors beside each other.

`/v1` is a Starlette application, since Django's handler starts a thread for each request; sockets go to Channels;
everything else is Django.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deny_web.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

django_application = get_asgi_application()

from chat.doors.http import routes as api_routes  # noqa: E402 - needs the app registry
from chat.doors.socket import ResponsesSocket  # noqa: E402

http_application = Starlette(
    routes=[
        Mount("/v1", routes=api_routes),
        Mount("/static", StaticFiles(directory=settings.BASE_DIR / "static")),
        Mount("/", django_application),
    ]
)
application = ProtocolTypeRouter(
    {"http": http_application, "websocket": URLRouter([path("v1/responses", ResponsesSocket.as_asgi())])}
)
