"""A conversation as its page shows it: the chain of stored responses, as turns with parts. Reads, never writes."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chat import approvals
from chat.models import Conversation, Item, Response, Status
from chat.pages import approvals as approval_pages
from chat.pages import words

MAX_TURNS = 200  # the newest; older ones stay in the store
_RUNNING = (Status.QUEUED, Status.IN_PROGRESS)


@dataclass(frozen=True)
class Part:
    """One output item. `kind` is markdown, refusal, reasoning, tool or function; `call` is the seam card's context.

    A call that a person decides is one part: where it was asked about, with what became of it.
    """

    kind: str
    text: str = ""
    call: dict[str, Any] = field(default_factory=dict)
    abandoned: bool = False


@dataclass(frozen=True)
class Turn:
    """A person's message and its answer. `status` is in_progress while the page must follow the response's events."""

    response_id: str
    parent_id: str
    token: str
    status: str
    text: str
    parts: list[Part]
    note: str
    note_tone: str

    @property
    def is_active(self) -> bool:
        return self.status == "in_progress"

    @property
    def may_retry(self) -> bool:
        """Whether it ended before it was whole, or without a tool that a locked vault kept from working."""
        return bool(self.note) or any(part.call.get("state") == "locked" for part in self.parts)

    def as_link(self) -> dict[str, str]:
        """What another tab needs to add this turn to its page."""
        return {"id": self.response_id, "parent": self.parent_id, "text": self.text}


def newest_id(conversation: Conversation) -> str:
    """The response at the conversation's end: the one that is being answered, else the leaf."""
    return conversation.active_id or conversation.leaf_id or ""


def turns(conversation: Conversation) -> list[Turn]:
    """The chain that ends at the newest response, oldest first, at most `MAX_TURNS`. Two queries.

    One more where calls were asked about and did not come to be made.
    """
    chain = _chain(conversation)
    items = _items(conversation, [row.pk for row in chain])
    verdicts = approvals.verdicts([row.pk for row in chain if _undecided(items.get(row.pk, []))])
    return [_turn(row, items.get(row.pk, []), verdicts) for row in chain]


def _chain(conversation: Conversation) -> list[Response]:
    rows = Response.objects.for_tenant(conversation.tenant_id).filter(conversation=conversation).defer("request")
    by_id = {row.pk: row for row in rows}
    chain: list[Response] = []
    row = by_id.get(newest_id(conversation))
    while row is not None and len(chain) < MAX_TURNS:
        chain.append(row)
        row = by_id.get(row.parent_id or "")
    return chain[::-1]


def _items(conversation: Conversation, response_ids: list[str]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    rows = Item.objects.for_tenant(conversation.tenant_id).filter(response_id__in=response_ids)
    for item in rows.order_by("response_id", "direction", "position"):
        found.setdefault(item.response_id, []).append(item)
    return found


def _undecided(items: list[Item]) -> set[str]:
    """The approval requests that no call has followed."""
    asked = {item.item_id for item in items if item.body.get("type") == "mcp_approval_request"}
    return asked - {item.body.get("approval_request_id") for item in items} if asked else asked


def _turn(row: Response, items: list[Item], verdicts: dict[str, str]) -> Turn:
    running = row.status in _RUNNING
    waits = row.wait_reason == approvals.WAITS
    output = [item for item in items if item.direction == Item.Direction.OUTPUT]
    note, tone = _note(row)
    return Turn(
        response_id=row.pk,
        parent_id=row.parent_id or "",
        token=row.client_token or "",
        status="in_progress" if running else row.status,
        text="\n\n".join(_said(items)),
        # The page replays a running response from its first event; one that waits must be readable without script too.
        parts=[] if running and not waits else list(_parts(output, verdicts)),
        note=note,
        note_tone=tone,
    )


def _note(row: Response) -> tuple[str, str]:
    if row.status == Status.FAILED:
        return words.failed(row.error), "stop"
    if row.status == Status.INCOMPLETE:
        return words.incomplete(row.incomplete), "quiet"
    if row.status == Status.CANCELLED:
        return words.INCOMPLETE["stopped"], "quiet"
    return "", ""


def _said(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        body = item.body
        if item.direction == Item.Direction.INPUT and body.get("type") == "message" and body.get("role") == "user":
            content = body.get("content") or []
            yield content if isinstance(content, str) else "\n".join(p["text"] for p in content if p.get("text"))


def _parts(items: list[Item], verdicts: dict[str, str]) -> Iterator[Part]:
    kept = [item.position for item in items if not item.abandoned]
    last_kept = kept[-1] if kept else -1
    asked = {item.item_id for item in items if item.body.get("type") == "mcp_approval_request"}
    calls = {item.body["approval_request_id"]: item for item in items if _follows(item, asked)}
    for item in items:
        if _follows(item, asked):
            continue
        item = calls.get(item.item_id, item)
        # Left out of the context after a stop looks as it is; only what was begun anew below is marked as given up.
        abandoned = item.abandoned and item.position < last_kept
        if item.body.get("type") == "mcp_approval_request":
            shown = _pretty(item.body.get("arguments"))
            call = approval_pages.card(item.body, verdicts.get(item.item_id, "stopped"), shown)
            yield Part("tool", call=call, abandoned=abandoned)
        else:
            yield from _parts_of(item.body, abandoned)


def _follows(item: Item, asked: set[str]) -> bool:
    return item.body.get("type") == "mcp_call" and item.body.get("approval_request_id") in asked


def _parts_of(body: dict[str, Any], abandoned: bool) -> Iterator[Part]:
    kind = body.get("type")
    if kind == "message":
        for content in body.get("content") or []:
            if content.get("type") == "refusal":
                yield Part("refusal", content.get("refusal") or "", abandoned=abandoned)
            elif content.get("text"):
                yield Part("markdown", content["text"], abandoned=abandoned)
    elif kind == "reasoning":
        summary = "\n\n".join(part["text"] for part in body.get("summary") or [] if part.get("text"))
        if summary:
            yield Part("reasoning", summary, abandoned=abandoned)
    elif kind == "mcp_call":
        yield Part("tool", call=tool_call(body), abandoned=abandoned)
    elif kind == "function_call":
        yield Part("function", body.get("name") or "", abandoned=abandoned)


def tool_call(body: dict[str, Any]) -> dict[str, Any]:
    """The seam card's context of an ended `mcp_call` item; static/js/chat/toolcard.js says the same of a live one."""
    request = body.get("deny_web:request") or {}
    code = _error_code(body)
    ended_well = body.get("status") == "completed" and not code
    state = (
        "done"
        if ended_well
        else words.STATE_OF_CODE.get(code, "failed" if body.get("status") == "failed" else "stopped")
    )
    duration = request.get("duration_ms")
    return {
        "name": body.get("name") or "",
        "state": state,
        "time": "" if duration is None else f"{duration} ms",
        "arguments": _pretty(body.get("arguments")),
        "result": _pretty(body.get("output")),
        **{name: request.get(name) or "" for name in ("method", "host", "path", "status", "credential")},
        "quiet": "" if request.get("status") else words.TOOLS["unanswered" if request.get("host") else "unsent"],
        "reason": "" if ended_well else _reason(body, code or state),
    }


def _reason(body: dict[str, Any], code: str) -> str:
    verdict = body.get("deny_web:approval")
    if code == "denied" and verdict in ("denied", "expired"):
        return words.APPROVALS[verdict]
    return words.say(words.TOOLS, code)


def _error_code(body: dict[str, Any]) -> str:
    error = body.get("error")
    if not error:
        return ""
    content = error.get("content", error)
    if isinstance(content, dict):
        return str(content.get("error") or content.get("code") or "upstream_error")
    return str(content)


_PIECE = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_EMPTY = re.compile(r"([{\[])\n\s*([}\]])")
_DEEPEST = 64  # below it indentation costs more than it shows; a hostile result could make megabytes of blanks


def _pretty(text: object) -> str:
    """JSON with line breaks. Its values are not read and written anew, so that 1.10 and long numbers stay."""
    if not isinstance(text, str):
        return ""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    pieces, depth = [], 0
    for piece in _PIECE.findall(text):
        if piece in ("}", "]"):
            depth -= 1
            pieces.append("\n" + "  " * depth)
        pieces.append(": " if piece == ":" else piece)
        if piece in ("{", "["):
            depth += 1
        if piece in ("{", "[", ","):
            pieces.append("\n" + "  " * depth)
        if depth > _DEEPEST:
            return text
    return _EMPTY.sub(r"\1\2", "".join(pieces))
