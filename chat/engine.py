"""The turn loop: stream the model, run the tools it asks for, until it asks for none, a cap, or a stop."""

import asyncio
import contextlib
import logging
import time
from typing import Any, cast

from chat import accounts, asking, calls, commits, comparison, context, faults, ledger, tripwires, usage, waiting
from chat.endings import Incomplete, Stopped, Suspended, UpstreamIncomplete
from chat.envelope import cost_of, ending
from chat.events.log import Fenced
from chat.models import Door, Status
from chat.params import upstream_parameters
from chat.providers import codes
from chat.providers.errors import ProviderError
from chat.retrying import until_done
from chat.step import Step
from chat.turn import LastStep, Turn
from deny_web import db
from tenants.budgets import Exhausted

logger = logging.getLogger(__name__)


async def run(turn: Turn) -> None:
    """Run a turn to its end. Ends quietly when another host has taken it over; raises nothing else."""
    try:
        ending = await _ending(turn)
        await _end(turn, **ending)
    except Fenced:
        logger.info("%s goes on elsewhere", turn.response_id)
        await until_done(accounts.deleted, turn)
    except Suspended:
        logger.info("%s waits for a person", turn.response_id)


async def _ending(turn: Turn) -> dict[str, Any]:
    turn.interruptible = True
    try:
        async with asyncio.timeout(max(0.0, turn.deadline - time.monotonic())):
            await _steps(turn)
        return {"status": Status.COMPLETED}
    except asyncio.CancelledError:
        if turn.stop_reason is None:
            raise  # the process is going down: the response is released, not ended
        cast("asyncio.Task[None]", asyncio.current_task()).uncancel()
        return _stopped(turn, turn.stop_reason)
    except Stopped:
        return _stopped(turn, cast(str, turn.stop_reason))
    except TimeoutError:
        return {"status": Status.INCOMPLETE, "incomplete": Incomplete("max_seconds").details}
    except (Incomplete, UpstreamIncomplete) as reason:
        return {"status": Status.INCOMPLETE, "incomplete": reason.details}
    except Exhausted:
        return {"status": Status.INCOMPLETE, "incomplete": Incomplete("budget").details}
    except ProviderError as error:
        turn.failure = error
        told = codes.of_response({"code": error.code, "message": error.sentence})
        return {"status": Status.FAILED, "error": told}
    except (Fenced, Suspended):
        raise
    except Exception as error:
        # Only the kind and the place: a traceback's values could hold what a tool or a person said.
        logger.error("%s failed: %s at %s", turn.response_id, type(error).__name__, faults.place(error))
        sentence = "Something went wrong on this server. What was said so far is kept; try again."
        return {"status": Status.FAILED, "error": {"code": "server_error", "message": sentence}}
    finally:
        turn.interruptible = False


def _stopped(turn: Turn, reason: str) -> dict[str, Any]:
    if turn.door == Door.BACKGROUND:
        return {"status": Status.CANCELLED}
    return {"status": Status.INCOMPLETE, "incomplete": Incomplete(reason).details}


async def _steps(turn: Turn) -> None:
    if turn.fresh:
        _begin(turn)
    elif turn.resume is not None and turn.resume.waiting:
        await waiting.for_outcomes(turn, dict(turn.resume.waiting))
    if turn.asks and await waiting.for_decisions(turn):
        return
    if turn.resume is not None and turn.resume.client_must_act:
        return
    if turn.request.get("generate") is False:
        return  # a warm-up: the context is made, and nobody is asked
    while True:
        _check_caps(turn)
        step = await _stream(turn)
        if turn.armed is not None:
            await until_done(tripwires.of_step, turn, step)
        if step.calls:
            proposed = calls.proposed(turn, step)
            await until_done(commits.commit_step, turn, commits.pending(turn), proposed, step.usage, step.upstream_id)
            step.ask()
            turn.step += 1
            await waiting.for_outcomes(turn, {slot.id: slot.index for slot in step.calls if not slot.asked})
            asked = any(slot.asked for slot in step.calls)
            if asked and not step.incomplete and await waiting.for_decisions(turn):
                return
        else:
            turn.step += 1
            turn.last_step = LastStep(step.usage, step.upstream_id)
        if step.incomplete:
            raise UpstreamIncomplete(step.incomplete)
        if step.client_calls or not step.calls:
            return


def _begin(turn: Turn) -> None:
    """The first events; a background response was queued before, and clients wait for the event that says so."""
    first = Status.QUEUED if turn.door == Door.BACKGROUND else Status.IN_PROGRESS
    turn.emit({"type": "response.created", "response": turn.object(first)})
    if first is Status.QUEUED:
        turn.emit({"type": "response.queued", "response": turn.object(first)})
    turn.emit({"type": "response.in_progress", "response": turn.object(Status.IN_PROGRESS)})


async def _stream(turn: Turn) -> Step:
    step = turn.streaming = Step(turn)
    async with contextlib.aclosing(await asking.ask(turn, _covered)) as batches:
        async for batch in batches:
            for event in batch:
                step.feed(event)
                if step.ended:
                    break
            if step.ended:
                break
            await turn.log.room()
    step.finish()
    accounts.step_ended(turn, step)
    turn.usage = _summed(turn.usage, step.usage)
    turn.context += context.of_outputs(turn, step.first)
    return step


async def _covered(turn: Turn) -> dict[str, Any]:
    """The step's request, held to what its budget covers."""
    body = _body(turn)
    if turn.account.reserved is not None:
        await db.write(accounts.cover, turn, body)
    return body


def _body(turn: Turn) -> dict[str, Any]:
    body = upstream_parameters(turn.request)
    body["model"] = turn.upstream.named(turn.envelope["model"])
    body["input"] = context.answered(turn.context)
    body["store"] = False  # the chain lives here, where it belongs to one tenant
    comparison.put(turn.compared, turn.upstream.origin, body)
    calls.put_tools(turn, body)
    tripwires.put_planted(turn, body)
    if body.get("max_output_tokens"):
        body["max_output_tokens"] -= (turn.usage or {}).get("output_tokens", 0)
        if body["max_output_tokens"] < 1:
            raise Incomplete("max_output_tokens", "max_output_tokens")
    if turn.upstream.keeps_reasoning:
        body["include"] = sorted({*(body.get("include") or []), "reasoning.encrypted_content"})
    return body


def _check_caps(turn: Turn) -> None:
    if turn.stop_reason is not None:  # asked for before the engine began
        raise Stopped
    if turn.step >= turn.caps.steps:
        raise Incomplete("max_steps")
    if turn.usage and turn.usage.get("total_tokens", 0) >= turn.caps.tokens:
        raise Incomplete("max_tokens", "max_output_tokens")


async def _end(
    turn: Turn,
    status: Status,
    error: dict[str, Any] | None = None,
    incomplete: dict[str, Any] | None = None,
) -> None:
    if status is not Status.COMPLETED:
        if turn.unwritten is None:
            await until_done(ledger.cancel, turn.response_id)
        if turn.streaming is not None:
            turn.streaming.ask()
        close_open_items(turn)
    accounts.close(turn)
    if turn.unwritten is None:  # else it stored nothing and called no tool: there is nothing to say of it
        await until_done(commits.end, turn, commits.pending(turn), status, error, incomplete)
    elif turn.account.reserved is not None:
        await until_done(accounts.settle, turn)
    usage.here().add(turn)
    ended: dict[str, Any] = {"error": error, "incomplete_details": incomplete, **cost_of(turn.account.cost)}
    if status is Status.COMPLETED:
        ended["completed_at"] = int(time.time())
    turn.ended = turn.object(status, **ended)
    turn.emit({"type": ending(status), "response": turn.ended})
    await turn.log.flushed()


def close_open_items(turn: Turn, *, abandoned: bool = False) -> None:
    """Close what a stop, a cut or a dead host left open. Of these only text that was shown goes into the context."""
    first = turn.committed
    for index in sorted(turn.output.open):
        for event in turn.output.close(index):
            turn.emit(event)
    for index in range(first, len(turn.output.items)):
        item = turn.output.items[index]
        if abandoned or item["type"] != "message" or not item.get("content"):
            turn.abandoned.add(index)


def _summed(before: dict[str, Any] | None, more: dict[str, Any] | None) -> dict[str, Any] | None:
    if before is None or more is None:
        return more or before
    total: dict[str, Any] = dict(before)
    for key, value in more.items():
        if isinstance(value, dict):
            total[key] = _summed(before.get(key) or {}, value)
        elif isinstance(value, int | float):
            total[key] = (before.get(key) or 0) + value
    return total
