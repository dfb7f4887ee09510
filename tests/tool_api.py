"""A loopback HTTP API for tools to call: it records every request, and misbehaves on request.

api.handle("/v1/invoices/in_1", reply({"id": "in_1"}))
api.requests[0].headers["authorization"]
"""

import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tenants import pools


@dataclass(frozen=True)
class Seen:
    method: str
    target: str  # path and query, exactly as they came over the wire
    headers: dict[str, str]
    body: bytes
    connection: int


Behaviour = Callable[[BaseHTTPRequestHandler, Seen], None]


def reply(body: Any = None, *, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    """Answer at once; `body` is sent as it is when it is bytes, else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return behave


def echo(*, field: str = "authorization", change: Callable[[str], str] = str) -> Behaviour:
    """Answer with a header of the request, changed: an API that repeats its key."""

    def behave(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        reply({"id": "in_1", "note": change(seen.headers[field])})(handler, seen)

    return behave


def forward(url: str) -> Behaviour:
    """Hand the request on, and its status back: a proxy before a server whose port was not known in time."""

    def behave(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        request = urllib.request.Request(url, seen.body, seen.headers, method=seen.method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            reply({}, status=answer.status)(handler, seen)

    return behave


def hold(release: threading.Event, then: Behaviour) -> Behaviour:
    """Keep the request until `release` is set."""

    def behave(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        release.wait(60)
        then(handler, seen)

    return behave


def drip(seconds_each: float) -> Behaviour:
    """A good answer, one byte at a time."""

    def behave(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(100_000):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(seconds_each)

    return behave


def cut(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
    """Close the connection without a word."""
    handler.close_connection = True
    handler.connection.close()


class ToolApi:
    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.server_names: list[str | None] = []  # what TLS clients asked for (SNI)
        self._behaviours: dict[str, Behaviour] = {}
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen = Seen(self.command, self.path, headers, body, self.client_address[1])
                api.requests.append(seen)
                behave = api._behaviours.get(urlsplit(self.path).path, reply({"error": "no such path"}, status=404))
                try:
                    behave(self, seen)
                except OSError:
                    self.close_connection = True  # the client went away, as some tests want it to

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *args: Any) -> None:
                """Quiet."""

            def finish(self) -> None:
                try:
                    super().finish()
                except (OSError, ValueError):
                    return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.host = f"127.0.0.1:{self.port}"

    def handle(self, path: str, behaviour: Behaviour) -> None:
        self._behaviours[path] = behaviour

    def use_tls(self, folder: Path) -> None:
        """Speak TLS with a certificate that the server made for itself."""
        certificate = folder / "certificate.pem"
        certificate.write_bytes(_self_signed())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _socket, name, _context: self.server_names.append(name)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)

    def wait_for(self, count: int, seconds: float = 60) -> list[Seen]:
        """The requests, once there are `count` of them."""
        until = time.monotonic() + seconds
        while len(self.requests) < count:
            assert time.monotonic() < until, f"{len(self.requests)} of {count} requests came"
            time.sleep(0.01)
        return self.requests


def _self_signed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    signed = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False).sign(key, SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + signed.public_bytes(Encoding.PEM)


@contextmanager
def running(*, tls_folder: Path | None = None) -> Iterator[ToolApi]:
    api = ToolApi()
    if tls_folder:
        api.use_tls(tls_folder)
    thread = threading.Thread(target=api._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api._server.shutdown()
        api._server.server_close()
        thread.join()


@contextmanager
def allowed(settings: Any) -> Iterator[ToolApi]:
    """One that this process's tools may reach though it is on loopback; the connections to it end with it."""
    with running() as api:
        settings.TOOL_ALLOWED_HOSTS = [api.host]
        yield api
    pools.close()


def tool(url: str, **changes: Any) -> dict[str, Any]:
    """A tool file's entry for `url`; `request` changes go into the request."""
    request = {"method": "GET", "url": url, "timeout": 5, "idempotent": True, **changes.pop("request", {})}
    entry = {
        "name": "get_invoice",
        "description": "Look up an invoice",
        "parameters": {
            "type": "object",
            "properties": {"id": {"type": "string"}},
            "required": ["id"],
            "additionalProperties": False,
        },
        "request": request,
        "credential": {"label": "stripe-prod", "in": "bearer"},
        "result": "{id: id, amount_due: amount_due, note: note}",
        "approval": "auto",
        **changes,
    }
    return {key: value for key, value in entry.items() if value is not None}
