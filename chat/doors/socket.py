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

from chat import approvals, envelope, events, lookup, params, stopping
from chat.creation import Kept
from chat.doors import edge, frames, readers, starting
from chat.errors import ApiError, bad_request, not_found
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
MAX_FOLLOWED = 32
MAX_KEPT_BYTES = 8 * 1024 * 1024  # of a context that a connection alone remembers: as much as a frame may bring

CUT = "This response was cut off, and nothing of it is stored. Send the request again."
SIGNED_OUT, NOT_ALLOWED, UNKNOWN = 4401, 4403, 4404
TRY_AGAIN = 1013


class ResponsesSocket(AsyncWebsocketConsumer):
    """One connection. Who is on the line is asked again every few seconds."""

    principal: Principal
    vault_untold = False  # a bell of the vault's came while its state could not be looked up

    async def connect(self) -> None:
        self.follows: dict[str, asyncio.Task[None]] = {}
        self.lanes: dict[str, str] = {}  # by response, where its create named one
        self.kept: Kept | None = None
        self.opened = time.monotonic()
        self.watch: asyncio.Task[None] | None = None
        self.group = ""
        await self.accept()  # a refused handshake would hide the reason from a browser's script
        try:
            await self._open()
        except Exception as error:
            await self._send(frames.error(edge.fault(error, "opening a socket")))
            await self.close(TRY_AGAIN)

    async def _open(self) -> None:
        code = await self._ask()
        if code is not None:
            await self.close(code)
            return
        self.browser = self.principal.api_key is None
        group = starting.group(self.principal)
        await self.channel_layer.group_add(group, self.channel_name)
        self.group = group
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
        echoed: dict[str, Any] = {}
        try:
            message = frames.read(text_data)
            echoed = frames.echoed(message)
            await self._act(message)
        except ApiError as error:
            await self._send(frames.error(error) | echoed)
        except Exception as error:  # else the connection would break, and what it alone remembers be lost
            await self._send(frames.error(edge.fault(error, "a socket's frame")) | echoed)

    async def _act(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "response.create":
            self._need(Act.CHAT)
            await self._create(message)
        elif kind == "deny_web:follow":
            await self._follow_stored(message)
        elif kind == "deny_web:stop":
            self._need(Act.CHAT)
            await stopping.stop(self.principal, frames.response_id(message))
        elif kind == "deny_web:approve":
            self._need(Act.CHAT)
            await self._decide(message)
        elif kind == "response.steer":
            self._need(Act.CHAT)
            await self._send(frames.steer_failed(message, self.lanes.get(str(message.get("previous_response_id")))))
        elif kind == "deny_web:ping":
            await self._send({"type": "deny_web:pong"})
        else:
            raise bad_request("Unknown message type.", "type")

    async def _create(self, message: dict[str, Any]) -> None:
        if not self.browser and self.follows:
            raise ApiError(409, "One response at a time on a connection.", code="response_in_progress")
        kept, self.kept = self.kept, None  # a continuation that fails drops what it continued, at whatever it fails
        lane = frames.lane(message)
        create = params.parse({name: value for name, value in message.items() if name != "stream_id"})
        if create.background:
            raise bad_request("A socket always streams in the foreground; leave 'background' out.", "background")
        door = Door.BROWSER if self.browser else Door.API
        started = await starting.start(lambda: self.principal, create, door, kept=kept)
        if isinstance(started, str):
            self._follow(started, -1, None, lane)
        else:
            self._follow(started.response_id, -1, started, lane)

    async def _follow_stored(self, message: dict[str, Any]) -> None:
        after, response_id = frames.starting_after(message), frames.response_id(message)
        try:
            found = await db.run(lookup.response, self.principal, response_id)
        except ApiError as error:
            # The page has to know which of its answers cannot be followed.
            await self._send({**frames.error(error), "deny_web:response_id": response_id})
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
            await self._send({**frames.error(error), "deny_web:approval_request_id": wanted})

    def _follow(self, response_id: str, after: int, turn: Turn | None, lane: str | None = None) -> None:
        if len(self.follows.keys() - {response_id}) >= MAX_FOLLOWED:
            raise ApiError(429, "Too many responses are followed on this connection.", code="too_many_follows")
        if before := self.follows.pop(response_id, None):
            before.cancel()
        if lane is not None:
            self.lanes[response_id] = lane
        task = asyncio.create_task(self._stream(response_id, after, turn))
        self.follows[response_id] = task
        task.add_done_callback(lambda done: self._followed(response_id, done))

    def _followed(self, response_id: str, task: "asyncio.Task[None]") -> None:
        if self.follows.get(response_id) is task:
            self._forget(response_id)

    def _forget(self, response_id: str) -> None:
        self.follows.pop(response_id, None)
        self.lanes.pop(response_id, None)

    def _told(self, response_id: str) -> dict[str, Any]:
        """What each frame about a response says beside the event."""
        told = {"stream_id": self.lanes[response_id]} if response_id in self.lanes else {}
        return told | ({"deny_web:response_id": response_id} if self.browser else {})

    async def _stream(self, response_id: str, after: int, turn: Turn | None) -> None:
        told = self._told(response_id)
        try:
            last = await self._tell(response_id, after, turn, told)
        except OSError:
            return  # of the line itself: the client has left
        except Exception as error:
            last = frames.error(edge.fault(error, f"telling of {response_id}"))
        if last is not None:
            if self.follows.get(response_id) is asyncio.current_task():
                self._forget(response_id)
            await self._send(last | told)

    async def _tell(self, response_id: str, after: int, turn: Turn | None, told: dict[str, Any]) -> Any:
        """Send the events up to the ending. Where that will not come, the frame in its place: nobody waits for ever."""
        tail = b"," + orjson.dumps(told)[1:] if told else b"}"
        try:
            async with readers.reading(turn):
                async for batch in events.follow(response_id, after, readers.finder(turn)):
                    for frame in batch:
                        if frame.ends:
                            self._ended(response_id, frame, turn)
                        await self._send_frame(frame, tail)
        except Gone:
            lost = not_found() if turn is None or turn.stored else ApiError(500, CUT, code="server_error")
            return await db.run(_gone, response_id) or frames.error(lost)
        return None

    def _ended(self, response_id: str, frame: Frame, turn: Turn | None) -> None:
        """Before the ending is sent, since the client may send its next message at once."""
        self._forget(response_id)
        if turn is None or turn.stored or frame.type not in ("response.completed", "response.incomplete"):
            return
        # A chain of warm-ups costs its client nothing and could grow for an hour, on each of its connections.
        if len(orjson.dumps(turn.context)) <= MAX_KEPT_BYTES:
            self.kept = Kept(response_id, turn.context, turn.upstream.origin)

    async def _send_frame(self, frame: Frame, tail: bytes) -> None:
        text = (frame.data[:-1] + tail).decode()
        await self.base_send({"type": "websocket.send", "text": text})

    async def _send(self, message: dict[str, Any]) -> None:
        await self.base_send({"type": "websocket.send", "text": orjson.dumps(message).decode()})

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
            if self.vault_untold:
                await self.vault_changed({})
            if not self.browser and not self.follows and time.monotonic() - self.opened > LIFETIME_SECONDS:
                message = "This connection is 60 minutes old. Open a new one."
                await self._send(frames.error(ApiError(400, message, code="websocket_connection_limit_reached")))
                await self.close(1000)
                return

    async def vault_changed(self, event: dict[str, Any]) -> None:
        """A bell: the workspace's lease is new, or gone."""
        if not self.browser:
            return
        try:
            lease = await db.run(leases.current, self.principal.tenant.id)
        except Exception as error:  # asked again: an outage is no reason to cut off the answers that are under way
            logger.warning("a vault's state could not be looked up: %s", type(error).__name__)
            self.vault_untold = True
            return
        self.vault_untold = False
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


def _gone(response_id: str) -> dict[str, Any] | None:
    row = Response.objects.filter(pk=response_id).first()
    if row is None:
        return None
    numbered = {"sequence_number": row.last_seq, "deny_web:response_id": row.pk}
    return {"type": "deny_web:gone", **numbered, "response": envelope.stored_object(row)}
