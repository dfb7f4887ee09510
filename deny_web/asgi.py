"""The ASGI application: three doors beside each other.

`/v1` and `/api` are Starlette, since Django's handler starts a thread for each request and puts large bodies on disk;
sockets go to Channels; everything else is Django.
"""

import asyncio
import gc
import importlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deny_web.settings")

from channels.routing import URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

django_application = get_asgi_application()

from chat import hosting  # noqa: E402 - needs the app registry
from chat.doors.http import fixed_routes  # noqa: E402 - the same
from chat.doors.http import routes as api_routes  # noqa: E402 - the same
from chat.doors.socket import ResponsesSocket  # noqa: E402 - the same
from deny_web import health, metrics, recent  # noqa: E402 - the same
from deny_web.pages import Pages  # noqa: E402 - the same
from vault import derivation  # noqa: E402 - the same
from vault.denysh.api import routes as denysh_routes  # noqa: E402 - the same


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Sign on as a host of turns at the start; at the end give turns their grace and release the rest."""
    host = hosting.here()
    await host.start()
    listening, warming = asyncio.create_task(recent.listen()), asyncio.create_task(_warm_up())
    yield
    await warming
    await host.stop()
    listening.cancel()


async def _warm_up() -> None:
    # The first turn needs the SDK, whose import takes half a second: on a thread, and before anybody waits for it.
    await asyncio.get_running_loop().run_in_executor(None, importlib.import_module, "openai")
    # What is there now stays: the collector need not look through all of it again and again, which takes a tenth of
    # the time under load.
    gc.collect()
    gc.freeze()


_DERIVES = re.compile(r"/(?:t/[^/]+/console|start/[^/]+)/vault/")
_SIGNS_IN = re.compile(r"/accounts/")
# As many as may derive keys and wait for it, and some more that are told at once that the vault is busy. A password of
# an account takes 100 MB to check, and nobody counts those but us.
_AT_ONCE = {_DERIVES: derivation.AT_ONCE + derivation.WAITING + 6, _SIGNS_IN: derivation.AT_ONCE}

# A bare router: Starlette's application adds two layers to every request, for errors that the doors answer themselves.
_router = Router(
    routes=[
        *health.routes,
        *metrics.routes,
        Mount("/v1", routes=api_routes),
        Mount("/api", routes=denysh_routes),
        Mount("/static", StaticFiles(directory=settings.BASE_DIR / "static")),
        Mount("/", Pages(cast(ASGIApp, django_application), _AT_ONCE)),
    ],
    lifespan=lifespan,
)
_sockets = URLRouter([path("v1/responses", ResponsesSocket.as_asgi())])


async def _doors(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand a connection to its door. `/v1`'s own paths are looked up, not searched for among all patterns in turn."""
    if scope["type"] == "websocket":
        await _sockets(scope, receive, send)
    elif scope["type"] == "http" and (handler := fixed_routes.get((scope["path"], scope["method"]))):
        response = await handler(Request(scope, receive, send))
        await response(scope, receive, send)
    else:
        await _router(scope, receive, send)


application = metrics.Measured(_doors)
