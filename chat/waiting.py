"""Where a turn waits: for the outcomes of its calls, and for people who decide them."""

import asyncio
import contextlib
from typing import Any

from chat import approvals, commits, context, ledger
from chat.approvals import Decided
from chat.endings import Stopped, Suspended
from chat.retrying import until_done
from chat.step import mcp_call
from chat.turn import Turn
from deny_web import db

_LOOK_SECONDS = 1.0  # how often a waiter looks into the database by itself, should a bell be lost


async def for_outcomes(turn: Turn, waiting: dict[str, int]) -> None:
    """Wait for the ledger, telling readers of each call as it starts and ends; then add the outputs to the context."""
    if not waiting:
        return
    indexes = dict(waiting)
    running: set[str] = set()
    while waiting:
        turn.bell.clear()
        for call in await db.run(ledger.progress, turn.response_id, list(waiting)):
            index = waiting[call.item_id]
            where = {"item_id": call.item_id, "output_index": index}
            if call.started and call.item_id not in running:
                running.add(call.item_id)
                turn.emit({"type": "response.mcp_call.in_progress", **where})
            if call.result is not None:
                del waiting[call.item_id]
                _tell_outcome(turn, index, where, call.result)
        if waiting:
            try:
                await asyncio.wait_for(turn.bell.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue
    await until_done(commits.write_outcomes, turn, list(indexes.values()))
    turn.context += context.of_outcomes(turn, list(indexes.values()))


def _tell_outcome(turn: Turn, index: int, where: dict[str, Any], result: dict[str, Any]) -> None:
    failed = result.get("error")
    item = turn.output.snapshot(index) | {
        "status": "failed" if failed else "completed",
        "output": result["output"],
        "error": {"type": "mcp_tool_execution_error", "content": failed} if failed else None,
        "deny_web:request": result.get("request"),
    }
    turn.emit({"type": f"response.mcp_call.{'failed' if failed else 'completed'}", **where})
    turn.emit({"type": "response.output_item.done", "output_index": index, "item": item})


async def for_decisions(turn: Turn) -> bool:
    """Tell what people decided, until nothing waits. True where the client has to answer in its next request.

    Raises Suspended where a person has to decide first.
    """
    while True:
        if turn.stop_reason is not None:  # asked for while it waited
            raise Stopped
        turn.bell.clear()
        told = {item["id"] for index, item in enumerate(turn.output.items) if index not in turn.abandoned}
        found = await db.run(approvals.standing, turn.response_id, told)
        if found.decided:
            await _tell_decided(turn, found.decided)
        if not found.waits:
            return False
        if not approvals.suspends(turn.door, turn.stored):
            return True
        await turn.log.flushed()
        if await until_done(commits.suspend, turn):
            raise Suspended
        with contextlib.suppress(TimeoutError):  # decided or stopped at this moment
            await asyncio.wait_for(turn.bell.wait(), _LOOK_SECONDS)


async def _tell_decided(turn: Turn, decided: list[Decided]) -> None:
    """Each becomes a call of its own behind its request, then has its outcome."""
    waiting: dict[str, int] = {}
    for call in decided:
        index = waiting[call.item_id] = len(turn.output.items)
        where = {"item_id": call.item_id, "output_index": index}
        asked = {"approval_request_id": approvals.request_id(call.item_id), "deny_web:approval": call.verdict}
        item = mcp_call(call.item_id, call.name, "") | asked
        turn.upstream_names[index] = {}
        turn.emit({"type": "response.output_item.added", "output_index": index, "item": item})
        turn.emit({"type": "response.mcp_call_arguments.done", **where, "arguments": call.arguments})
    await until_done(commits.write_items, turn, commits.pending(turn))
    await for_outcomes(turn, waiting)
