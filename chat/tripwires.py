"""The workspace's honeytokens in its turns and tool calls: where they are looked for, and where they are placed.

Looked for: what comes in from people and clients, at the making of a response; what the model said and the arguments of
its calls, at the end of each step; the request that a worker is about to send, as the arguments make it. That request
is looked at without the credential in it: a vault's value is never compared with a honeytoken.

Everything here runs on database threads and workers' threads, and asks nothing where no honeytoken is armed.
"""

import json
from collections.abc import Iterator
from typing import Any

from chat.models import Response, ToolCall
from chat.step import Step
from chat.tools import templating
from chat.tools.definition import ToolDefinition
from chat.tools.errors import ToolError
from chat.turn import Turn
from tenants.access import Principal
from vault.models import Honeytoken, Sighting
from vault.tripwires import armed, sightings
from vault.tripwires.armed import Armed
from vault.tripwires.sightings import Where, Who

Place = Sighting.Place
REASON = "the call carries a honeytoken"
# Ours, told back by a client that replays: what we planted in a result is no sighting.
_OURS = frozenset({"mcp_call", "mcp_approval_request", "mcp_list_tools"})
_NO_TEXT = frozenset({"type", "id", "role", "status", "call_id", "image_url", "file_data", "data", "encrypted_content"})


# --- what comes in ------------------------------------------------------------------------------------------------


def of_input(
    principal: Principal, items: list[dict[str, Any]], instructions: Any = None, *, response_id: str = "",
    conversation_id: str = "", detail: str = "",
) -> None:  # fmt: skip
    """Look at what somebody sent, and report what is there."""
    where = Where(Place.MESSAGE, detail, response_id=response_id, conversation_id=conversation_id)
    sightings.report(in_input(principal, items, instructions), Who.of(principal), where)


def in_input(principal: Principal, items: list[dict[str, Any]], instructions: Any = None) -> list[Honeytoken]:
    """What stands in what somebody sent. The newest comes first: of a long replay the beginning was looked at before.

    Apart from the report, for whoever has a transaction for that one: this may be a fifth of a second's work, and
    SQLite has one writer.
    """
    watched = armed.of(principal.tenant)
    return (
        watched.seen_in(text for item in (instructions, *reversed(items)) for text in _texts(item)) if watched else []
    )


def report_input(found: list[Honeytoken], principal: Principal, row: Response) -> None:
    """Report what a response's input holds, in the transaction that makes it: none is accepted without its alert."""
    where = Where(Place.MESSAGE, row.door, row.pk, row.conversation_id or "")
    sightings.report(found, Who.of(principal), where)


def _texts(value: Any) -> Iterator[str]:
    """Every text in an item, but names and pictures."""
    if isinstance(value, dict) and value.get("type") in _OURS:
        return
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            rest += [inner for key, inner in one.items() if key not in _NO_TEXT]
        elif isinstance(one, list):
            rest += one


# --- what the model says and does ----------------------------------------------------------------------------------


def of_step(turn: Turn, step: Step) -> None:
    """Look at a step that has ended, and mark the calls of ours that are to be refused."""
    watched = turn.armed
    if watched is None:
        return
    said: list[str] = []
    for slot in step.calls:
        call = slot.call or {}
        if _report_call(turn, watched, call, may_stop=True):
            slot.refused = "denied"
    for item in turn.output.items[step.first :]:
        if item["type"] in ("function_call", "custom_tool_call"):
            _report_call(turn, watched, item, may_stop=False)
        elif item["type"] not in _OURS:
            said += _texts(item)
    found = [token for token in watched.seen_in(said) if token.in_output]
    if found:
        sightings.report(found, _who(turn), _where(turn, Place.OUTPUT))


def _report_call(turn: Turn, watched: Armed, call: dict[str, Any], *, may_stop: bool) -> bool:
    """Report a call's arguments; whether the call is to be refused."""
    found = watched.seen_in([str(call.get("arguments") or call.get("input") or "")])
    stopped = may_stop and any(token.stops for token in found)
    if found:
        where = _where(turn, Place.ARGUMENT, detail=str(call.get("name") or ""), stopped=stopped)
        sightings.report(found, _who(turn), where)
    return stopped


def _who(turn: Turn) -> Who:
    return Who.by_ids(turn.account.user_id, turn.account.api_key_id)


def _where(turn: Turn, place: Sighting.Place, *, detail: str = "", stopped: bool = False) -> Where:
    return Where(place, detail, turn.response_id, turn.conversation_id or "", stopped)


# --- what a worker is about to send -----------------------------------------------------------------------------------


def of_call(watched: Armed | None, call: ToolCall, tool: ToolDefinition, args: templating.Arguments) -> None:
    """Look at a call's request as its arguments make it. Raises ToolError "denied" where it may not go out."""
    if watched is None:
        return
    prepared = templating.fill(tool, args)
    body = (prepared.body or b"").decode("utf-8", "replace")
    texts = [prepared.path, prepared.query, *prepared.headers.values(), body]
    places = [(Place.OUTGOING, watched.seen_in(texts))]
    if call.response_id is None:  # tried by hand: no turn has looked at its arguments
        places.append((Place.ARGUMENT, watched.seen_in([call.args])))
    stopped = any(token.stops for _, found in places for token in found)
    for place, found in places:
        if found:
            who, where = _origin(call, place, tool, stopped)
            sightings.report(found, who, where)
    if stopped:
        raise ToolError("denied", reason=REASON)


def _origin(call: ToolCall, place: Sighting.Place, tool: ToolDefinition, stopped: bool) -> tuple[Who, Where]:
    detail = f"{tool.name}, {tool.host}" if place == Place.OUTGOING else tool.name
    row = Response.objects.filter(pk=call.response_id).first() if call.response_id else None
    if row is None:
        return Who("a call without a turn"), Where(place, detail, stopped=stopped)
    who = Who.by_ids(row.user_id, row.api_key_id)
    return who, Where(place, detail, row.pk, row.conversation_id or "", stopped)


# --- what is planted --------------------------------------------------------------------------------------------------


def opened(turn: Turn, watched: Armed | None) -> None:
    """Give a live turn what is watched for in it, and what is planted in its instructions."""
    turn.armed = watched
    turn.planted = watched.instructions() if watched else ""


def put_planted(turn: Turn, body: dict[str, Any]) -> None:
    """Put it behind the instructions that go up. They are stored and shown to clients without it."""
    given = body.get("instructions")
    if not turn.planted:
        return
    if isinstance(given, list):
        part = {"type": "input_text", "text": turn.planted}
        body["instructions"] = [*given, {"type": "message", "role": "developer", "content": [part]}]
    else:
        body["instructions"] = f"{given}\n\n{turn.planted}" if given else turn.planted


def with_planted(watched: Armed | None, tool: str, output: str) -> str:
    """A tool's narrowed result, JSON text, with what is planted in it as its `note`."""
    note = watched.in_result(tool) if watched else ""
    if not note:
        return output
    value = json.loads(output)
    inner = value if isinstance(value, dict) and "note" not in value else {"result": value}
    return json.dumps({**inner, "note": note}, ensure_ascii=False, separators=(",", ":"))
