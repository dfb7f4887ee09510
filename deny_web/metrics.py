"""`/metrics` in Prometheus' text format: this process's requests and connections, and what the database counts.

No label holds the name of a tenant, a person, an address or a model. With `METRICS_TOKEN` set, the page wants it as a
bearer token; without, it answers everybody who can reach the port, as Prometheus expects.

Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import hmac
from collections.abc import Iterator, MutableMapping
from typing import Any

from django.apps import apps
from django.db.models import Count
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from deny_web import db, env

disable_created_metrics()  # a second series for each counter, which nobody reads
registry = CollectorRegistry()
requests = Counter("deny_web_requests", "Answered requests.", ["method", "status"], registry=registry)
open_requests = Gauge("deny_web_open_requests", "Requests that are being answered, streams too.", registry=registry)
open_streams = Gauge("deny_web_open_streams", "Event streams that are being sent.", registry=registry)
open_sockets = Gauge("deny_web_open_sockets", "WebSockets that are open.", registry=registry)
ProcessCollector(registry=registry)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_VAULT = "/console/vault/"
_COUNTED = (
    ("deny_web_turns", "Turns by status, from the database.", "chat.Response", "status"),
    ("deny_web_tool_calls", "Tool calls by state, from the database.", "chat.ToolCall", "state"),
)


class Measured:
    """An ASGI application, counted; it looks at the first message of each answer and no further."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            with open_requests.track_inprogress():
                await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            with open_sockets.track_inprogress():
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        streams = 0

        async def counted(message: MutableMapping[str, Any]) -> None:
            nonlocal streams
            if message["type"] == "http.response.start":
                # A client may call any word a method; each would be a series for ever.
                method = scope["method"] if scope["method"] in _METHODS else "other"
                requests.labels(method, _status(scope["path"], message["status"])).inc()
                streams = int(_is_stream(message.get("headers", ())))
                open_streams.inc(streams)
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            open_streams.dec(streams)


def _status(path: str, status: int) -> str:
    # Of the vault's pages only that it failed: what a password found there is in no series that is kept for months.
    return "vault" if _VAULT in path and status < 500 else str(status)


def _is_stream(headers: Any) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers)


def counted_rows() -> list[GaugeMetricFamily]:
    """What the database counts, one row a state."""
    families = []
    for name, text, model, field in _COUNTED:
        family = GaugeMetricFamily(name, text, labels=[field])
        found = apps.get_model(model)
        counts = dict(found._default_manager.order_by().values_list(field).annotate(Count("pk")))
        for value, _ in found._meta.get_field(field).choices:
            family.add_metric([value], counts.get(value, 0))
        families.append(family)
    return families


class _Rows:
    """Rows that were read beforehand on a database thread, as a collector."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families


async def metrics(request: Request) -> Response:
    """The page that Prometheus reads."""
    token = env.text("METRICS_TOKEN")
    given = request.headers.get("authorization", "")
    if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return PlainTextResponse("METRICS_TOKEN is set; send it as a bearer token.\n", 401)
    rows = CollectorRegistry()
    rows.register(_Rows(await db.run(counted_rows)))
    return Response(generate_latest(registry) + generate_latest(rows), media_type=CONTENT_TYPE_LATEST)


routes = [Route("/metrics", metrics)]
