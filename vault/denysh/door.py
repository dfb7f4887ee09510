"""Who calls the deny.sh API, how often, with what body; and its one error shape, `{"error": "a sentence"}`.

A Starlette application like /v1: Django's handler would put a body on disk before anybody asked who sends it, and some
of these bodies hold plaintext and passwords. Nothing here is logged.
"""

import enum
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from deny_web import db
from tenants import access
from tenants.access import Act, Principal
from vault import limits
from vault.errors import Busy, CredentialNotFound, VaultError
from vault.models import Sighting
from vault.tripwires import sightings
from vault.tripwires.sightings import Where, Who

MAX_BODY = 512 * 1024  # bytes; the largest ciphertext and its control data, in hex, with room
NOT_FOUND = "No such vault item."

Handler = Callable[[Request, Principal], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Kind(enum.Enum):
    """What a call costs, with how many of it a key may make in a minute."""

    READ = 600
    WRITE = 60
    CRYPTO = 30  # one key derivation each


class Refusal(Exception):
    """An answer that is not a success; the sentence is for the client and never quotes what it sent."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers or {}


def door(act: Act, kind: Kind) -> Callable[[Handler], Endpoint]:
    """Let a handler in only with a key that may do `act` and is within its limit."""

    def wrap(handler: Handler) -> Endpoint:
        async def handle(request: Request) -> Response:
            try:
                principal = await db.run(_admit, request, act, kind)
                request.state.principal, request.state.route = principal, handler.__name__.replace("_", " ")
                await look(request, [request.url.path, request.url.query])
                return await handler(request, principal)
            except Refusal as refusal:
                return answer({"error": str(refusal)}, refusal.status, refusal.headers)
            except PermissionDenied as denied:
                return answer({"error": str(denied) or "This key may not do this."}, 403)
            except CredentialNotFound:
                return answer({"error": NOT_FOUND}, 404)
            except VaultError as error:
                headers = {"retry-after": str(error.retry_after)} if isinstance(error, Busy) else {}
                return answer({"error": str(error)}, error.status, headers)
            except (DatabaseError, InterfaceError):
                # From here on nobody would turn it into an answer; its text may hold a row.
                return answer({"error": "The database does not answer. Try again in a moment."}, 503)

        return handle

    return wrap


def _admit(request: Request, act: Act, kind: Kind) -> Principal:
    headers = request.headers.getlist("authorization")
    try:
        # One header: two would let a proxy check one key and this server another.
        principal = access.for_bearer(headers[0] if len(headers) == 1 else None, act, request.scope)
    except access.Unauthenticated:
        raise Refusal(
            401, "Invalid API key. Send it as 'Authorization: Bearer KEY'.", {"www-authenticate": "Bearer"}
        ) from None
    key = principal.api_key
    limits.count({f"denysh:{kind.name}:{key.pk if key else 0}": kind.value})
    return principal


async def body(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises Refusal 400 or 413."""
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY:
                raise Refusal(413, f"The body is larger than {MAX_BODY // 1024} KiB.", {"connection": "close"})
            chunks.append(chunk)
        found = orjson.loads(b"".join(chunks))
    except ClientDisconnect:
        raise Refusal(400, "The body broke off.") from None
    except orjson.JSONDecodeError:
        raise Refusal(400, "The body is not valid JSON.") from None
    if not isinstance(found, dict):
        raise Refusal(400, "The body must be a JSON object.")
    # The shortest first: a ciphertext must not use up what is looked at.
    await look(request, sorted((value for value in found.values() if isinstance(value, str)), key=len))
    return found


async def look(request: Request, texts: list[str]) -> None:
    """Look for the workspace's honeytokens in what came, or in what goes back. The answer does not depend on it.

    Not for what is put into the vault: see `vault.tripwires.tokens`.
    """
    principal: Principal = request.state.principal
    if principal.tenant.armed_tripwires:
        where = Where(Sighting.Place.DENYSH, request.state.route)
        await db.run(sightings.look, principal.tenant, texts, Who.of(principal), where)


def text(fields: dict[str, Any], *names: str, longest: int, required: bool = True) -> str:
    """The first of `names` that is there. Raises Refusal 400 for one that is missing, empty, too long, or no text."""
    value = next((fields[name] for name in names if fields.get(name) is not None), "")
    if not isinstance(value, str) or len(value) > longest:
        raise Refusal(400, f"{names[0]} must be text of at most {longest} characters.")
    if required and not value:
        raise Refusal(400, f"{names[0]} is required.")
    return value


def binary(fields: dict[str, Any], *names: str, longest: int) -> bytes:
    """`text` as hex; `longest` in bytes."""
    try:
        return bytes.fromhex(text(fields, *names, longest=2 * longest))
    except ValueError:
        raise Refusal(400, f"{names[0]} must be hex.") from None


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, {"cache-control": "no-store", **(headers or {})}, "application/json")
