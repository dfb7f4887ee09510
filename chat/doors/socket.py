"""The Responses API over WebSocket: for API keys, and for the browser with its session cookie and a checked origin.

Extensions for the browser are under ``deny_web:``; its frames carry ``deny_web:response_id``, since one socket may
follow several responses.
"""

import asyncio
import logging
import time
from typing import Any

import orjson
from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.exceptions import PermissionDenied
from django.http import Http404

from chat import approvals, envelope, events, hosting, lookup, params, stopping
from chat.creation import Kept
from chat.doors import bodies, readers, starting
from chat.errors import ApiError, bad_request
from chat.events import Frame, Gone, archive
from chat.models import Door, Response
from chat.turn import Turn
from deny_web import db
from tenants import access
from tenants.access import Act, Principal
from vault import leases

logger = logging.getLogger(__name__)

LIFETIME_SECONDS = 3600.0
RECHECK_SECONDS = 3.0  # how soon an open socket notices that its person may not be here any more
MAX_FRAME_BYTES = 8 * 1024 * 1024
MAX_FOLLOWED = 32

SIGNED_OUT, NOT_ALLOWED, UNKNOWN = 4401, 4403, 4404


class ResponsesSocket(AsyncWebsocketConsumer):
    """One connection. Who is on the line is asked again every few seconds."""

    principal: Principal

    async def connect(self) -> None:
        self.follows: dict[str, asyncio.Task[None]] = {}
        self.kept: Kept | None = None
        self.opened = time.monotonic()
        self.watch: asyncio.Task[None] | None = None
        self.group = ""
        await self.accept()  # a refused handshake would hide the reason from a browser's script
        code = await self._ask()
        if code is not None:
            await self.close(code)
            return
        self.browser = self.principal.api_key is None
        self.group = starting.group(self.principal)
        await self.channel_layer.group_add(self.group, self.channel_name)
        self.watch = asyncio.create_task(self._recheck())
        await self.vault_changed({})  # a page that was away may have missed the bell

    async def disconnect(self, code: int) -> None:
        if self.watch is not None:
            self.watch.cancel()
        for task in list(self.follows.values()):
            task.cancel()
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        token: object = None
        try:
            message = _message(text_data)
            token = message.get("deny_web:token")
            await self._act(message)
        except ApiError as error:
            await self._send_error(error, token)

    async def _act(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "response.create":
            self._need(Act.CHAT)
            await self._create(message)
        elif kind == "deny_web:follow":
            await self._follow_stored(message)
        elif kind == "deny_web:stop":
            self._need(Act.CHAT)
            await stopping.stop(self.principal, _response_id(message))
        elif kind == "deny_web:approve":
            self._need(Act.CHAT)
            await self._decide(message)
        elif kind == "deny_web:ping":
            await self._send({"type": "deny_web:pong"})
        else:
            raise bad_request("Unknown message type.", "type")

    async def _create(self, message: dict[str, Any]) -> None:
        create = params.parse(message)
        if create.background:
            raise bad_request("A socket always streams in the foreground; leave 'background' out.", "background")
        if not self.browser and self.follows:
            raise ApiError(409, "One response at a time on a connection.", code="response_in_progress")
        kept, self.kept = self.kept, None  # a continuation that fails drops what it continued
        door = Door.BROWSER if self.browser else Door.API
        started = await starting.start(lambda: self.principal, create, door, kept=kept)
        if isinstance(started, str):
            self._follow(started, -1, None)
        else:
            self._follow(started.response_id, -1, started)

    async def _follow_stored(self, message: dict[str, Any]) -> None:
        after = message.get("starting_after", -1)
        if not isinstance(after, int) or not -1 <= after <= events.LAST_NUMBER:
            raise bad_request("'starting_after' must be a whole number.", "starting_after")
        response_id = _response_id(message)
        try:
            found = await db.run(lookup.response, self.principal, response_id)
        except ApiError as error:
            # The page has to know which of its answers cannot be followed.
            await self._send({**_error_frame(error), "deny_web:response_id": response_id})
            return
        if found.wait_reason == approvals.WAITS:
            after = await self._show_waiting(found, after)
        self._follow(found.pk, after, None)

    async def _show_waiting(self, found: Response, after: int) -> int:
        """What the events of a turn that waits cannot tell; answers the number that a reader goes on from.

        It waits for longer than its log lives, and nobody numbers events while it has no host.
        """
        if after < found.last_seq and not await archive.exists(found.pk):
            stored = await db.run(envelope.stored_object, found)
            numbered = {"sequence_number": found.last_seq, "deny_web:response_id": found.pk}
            await self._send({"type": "deny_web:snapshot", **numbered, "response": stored})
            after = found.last_seq
        for request_id, state in (await db.run(approvals.verdicts, [found.pk])).items():
            await self._send({"type": "deny_web:approval", "approval_request_id": request_id, "state": state})
        return after

    async def _decide(self, message: dict[str, Any]) -> None:
        wanted, approve, reason = params.approval(message)
        try:
            await db.run(approvals.decide, self.principal, wanted, approve, reason)
        except ApiError as error:
            await self._send({**_error_frame(error), "deny_web:approval_request_id": wanted})

    def _follow(self, response_id: str, after: int, turn: Turn | None) -> None:
        if len(self.follows) >= MAX_FOLLOWED:
            raise ApiError(429, "Too many responses are followed on this connection.", code="too_many_follows")
        if before := self.follows.pop(response_id, None):
            before.cancel()
        task = asyncio.create_task(self._stream(response_id, after, turn))
        self.follows[response_id] = task
        task.add_done_callback(lambda done: self._followed(response_id, done))

    def _followed(self, response_id: str, task: "asyncio.Task[None]") -> None:
        if self.follows.get(response_id) is task:
            del self.follows[response_id]

    async def _stream(self, response_id: str, after: int, turn: Turn | None) -> None:
        tail = b',"deny_web:response_id":"%b"}' % response_id.encode() if self.browser else b"}"
        try:
            async with readers.reading(turn):
                async for batch in events.follow(response_id, after, hosting.here().find):
                    for frame in batch:
                        if frame.ends:
                            self._ended(response_id, frame, turn)
                        await self._send_frame(frame, tail)
        except Gone:
            gone = await db.run(_gone, response_id)
            if gone is not None:
                await self._send({**gone, "deny_web:response_id": response_id})

    def _ended(self, response_id: str, frame: Frame, turn: Turn | None) -> None:
        """Before the ending is sent, since the client may send its next message at once."""
        self.follows.pop(response_id, None)
        if turn is not None and not turn.stored and frame.type in ("response.completed", "response.incomplete"):
            self.kept = Kept(response_id, turn.context, turn.upstream.origin)

    async def _send_frame(self, frame: Frame, tail: bytes) -> None:
        text = (frame.data[:-1] + tail).decode()
        await self.base_send({"type": "websocket.send", "text": text})

    async def _send(self, message: dict[str, Any]) -> None:
        await self.base_send({"type": "websocket.send", "text": orjson.dumps(message).decode()})

    async def _send_error(self, error: ApiError, token: object) -> None:
        answer = _error_frame(error)
        if token is not None:
            answer["deny_web:token"] = token
        await self._send(answer)

    def _need(self, act: Act) -> None:
        if not self.principal.may(act):
            raise ApiError(403, "Your role here does not allow this. Ask an admin.", code="insufficient_permissions")

    async def _ask(self) -> int | None:
        """Who is on the line now; a close code when they may not be here."""
        try:
            self.principal = await db.run(access.for_socket, self.scope, Act.READ)
        except access.Unauthenticated:
            return SIGNED_OUT
        except PermissionDenied:
            return NOT_ALLOWED
        except Http404:
            return UNKNOWN
        return None

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                code = await self._ask()
            except Exception as error:  # whatever it is, they are asked again: else who was removed would stay
                logger.warning("who is on a socket could not be looked up: %s", type(error).__name__)
                continue
            if code is not None:
                for task in list(self.follows.values()):
                    task.cancel()
                await self.close(code)
                return
            if not self.browser and not self.follows and time.monotonic() - self.opened > LIFETIME_SECONDS:
                message = "This connection is 60 minutes old. Open a new one."
                await self._send_error(ApiError(400, message, code="websocket_connection_limit_reached"), None)
                await self.close(1000)
                return

    async def vault_changed(self, event: dict[str, Any]) -> None:
        """A bell: the workspace's lease is new, or gone."""
        if self.browser:
            lease = await db.run(leases.current, self.principal.tenant.id)
            expires = lease.expires_at.isoformat() if lease else None
            await self._send({"type": "deny_web:vault", "locked": lease is None, "expires_at": expires})

    async def approval_decided(self, event: dict[str, Any]) -> None:
        """A bell: somebody, perhaps in another tab, has decided a call of this person's turn; or nobody has in time."""
        user = self.principal.user
        if self.browser and user is not None and event["user_id"] == user.pk:
            known = {key: event[key] for key in ("approval_request_id", "state")}
            await self._send({"type": "deny_web:approval", **known})

    async def turn_started(self, event: dict[str, Any]) -> None:
        """A bell: another tab of the same person has sent a message."""
        user = self.principal.user
        if self.browser and user is not None and event["user_id"] == user.pk:
            known = {key: event[key] for key in ("conversation", "response_id")}
            await self._send({"type": "deny_web:active", **known})


def _error_frame(error: ApiError) -> dict[str, Any]:
    frame = {"type": "error", "status": error.status, **error.as_body()}
    return {**frame, "deny_web:headers": error.headers} if error.headers else frame


def _message(text: str | None) -> dict[str, Any]:
    if text is None or len(text) > MAX_FRAME_BYTES:
        raise bad_request("Send JSON text frames of at most 8 MiB.")
    message = bodies.read(text.encode())
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise bad_request("A frame is a JSON object with a 'type'.", "type")
    return message


def _response_id(message: dict[str, Any]) -> str:
    value = message.get("response_id")
    if not isinstance(value, str):
        raise bad_request("'response_id' must be a string.", "response_id")
    return value


def _gone(response_id: str) -> dict[str, Any] | None:
    row = Response.objects.filter(pk=response_id).first()
    if row is None:
        return None
    return {"type": "deny_web:gone", "sequence_number": row.last_seq, "response": envelope.stored_object(row)}
