"""A tools worker runs one call: claim, lease, credential, audit row, request, projection, sweep, outcome.

The only place where a tenant's credential meets a request. It is never put into an exception, a log line, the broker or
the database; the one thing that leaves here is an outcome that the sweep has passed.
"""

import hmac
import json
import logging
import time
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, InterfaceError, transaction

from chat import ledger, tripwires
from chat.ledger import Claim, Late
from chat.models import CallState, ToolCall
from chat.tools import arguments, definition, http, outcome, projection, sweep
from chat.tools.definition import ToolDefinition
from chat.tools.errors import Stopped, ToolError
from chat.tools.sweep import Sweep
from tenants import audit
from vault import credentials
from vault.errors import Busy, CredentialNotFound, SourceFailed, Unavailable, VaultError, VaultLocked
from vault.tripwires import armed
from vault.tripwires.armed import Armed

logger = logging.getLogger(__name__)

_RENEW_SECONDS = 3.0
_FINISH_SECONDS = 12.0  # how long an outcome waits for a database that is away; then recovery has the call anyway


@dataclass(frozen=True)
class _Ending:
    state: CallState
    result: outcome.Outcome
    withheld: str = ""  # where the credential was found; reported in the audit trail


def run(call_id: uuid.UUID) -> None:
    """Run a queued call to its outcome; does nothing for one that another worker has."""
    claim = ledger.claim(call_id)
    if claim is None:
        return
    try:
        ending = _perform(claim)
    except Late:
        if _stopped(claim):
            _finish(claim, _Ending(CallState.FAILED, outcome.failure(Stopped())))
        return
    _finish(claim, ending)


def _perform(claim: Claim) -> _Ending:
    call = claim.call
    tool: ToolDefinition | None = None
    try:
        if call.tool_version is None or not hmac.compare_digest(call.args_hash, ledger.args_hash(call)):
            raise ToolError("denied", reason="the call was changed after it was made")
        tool = definition.from_stored(call.tool_version.definition)
        args = arguments.validate(tool, call.args)
        watched = armed.of(call.tenant)
        tripwires.of_call(watched, call, tool, args)  # before a credential is opened for nothing
        outgoing = http.prepare(tool, args, idempotency_key=call.idempotency_key)
        credential = _credential(claim, tool)
    except ToolError as error:
        return _Ending(CallState.FAILED, outcome.failure(error))
    return _use(claim, tool, outgoing, credential, watched)


def _use(
    claim: Claim, tool: ToolDefinition, outgoing: http.Outgoing, credential: bytes | None, watched: Armed | None
) -> _Ending:
    """The audit row, and only then a look at what the credential is.

    The row is written where there was no value, or none that can be used, as well. Were it not, a row in the trail
    would prove that some compartment held a value then, to somebody who has a password under which there is none.
    """
    started = time.monotonic()  # before the claim is looked at, so that a process held up behind it sends nothing late
    detail: dict[str, object] = {"method": outgoing.method, "host": outgoing.host}
    if tool.credential:
        detail["credential"] = tool.credential.label
    try:
        ledger.begin_sending(claim, detail)
    except Late:
        raise
    except Exception as error:  # whatever kept the audit row from being written, the use is refused
        logger.error("call %s refused: no audit row (%s)", claim.call.pk, type(error).__name__)
        return _Ending(CallState.FAILED, outcome.failure(ToolError("denied", reason="the use could not be audited")))
    try:
        http.authorise(outgoing, tool, credential)
    except ToolError as error:
        return _Ending(CallState.FAILED, outcome.failure(error))
    secret = sweep.secret_part(credential, tool.credential.place) if tool.credential and credential else b""
    swept = sweep.Sweep(secret)
    # Arguments that carry the credential are not sent: the model has it already, and the answer would echo it.
    if swept.finds(claim.call.args):
        withheld = ToolError("result_withheld", reason="the arguments carry the credential")
        return _Ending(CallState.FAILED, outcome.failure(withheld), "arguments")
    return _send(claim, tool, outgoing, swept, watched, started)


def _send(
    claim: Claim, tool: ToolDefinition, outgoing: http.Outgoing, swept: Sweep, watched: Armed | None, started: float
) -> _Ending:
    state, request = CallState.DONE, outcome.request(tool, path=outgoing.path)
    try:
        exchange = http.send(outgoing, should_stop=_Watch(claim), started=started)
        request |= {"status": exchange.status, "duration_ms": exchange.duration_ms}
        narrowed = projection.project(tool.result, exchange.body, exchange.status)
        result = outcome.success(tripwires.with_planted(watched, tool.name, narrowed), request)
    except Stopped as error:
        lost = outgoing.once
        state = CallState.UNKNOWN if lost else CallState.FAILED
        result = outcome.failure(ToolError("outcome_unknown", reason="stopped") if lost else error, request)
    except ToolError as error:
        state = CallState.FAILED
        request["duration_ms"] = request["duration_ms"] or round((time.monotonic() - started) * 1000)
        request["status"] = request["status"] or error.answered
        result = outcome.failure(error, request)
    if swept.finds(json.dumps(result, ensure_ascii=False)):
        withheld = ToolError("result_withheld", reason="the answer carries the credential")
        hidden = {"path": None} if swept.finds(outgoing.path) else {}
        return _Ending(CallState.FAILED, outcome.failure(withheld, request | hidden), "answer")
    return _Ending(state, result)


def _credential(claim: Claim, tool: ToolDefinition) -> bytes | None:
    """The value, or None: the tool takes none, or there is none. Raises `ToolError` where the lease serves nothing."""
    if tool.credential is None:
        return None
    code = "credential_not_found"
    try:
        return credentials.open_for_call(claim.call.tenant_id, tool.credential.label, claim.call.lease_id)
    except (VaultLocked, Unavailable, Busy):
        code = "vault_locked"
    except SourceFailed:
        code = "upstream_error"
    except CredentialNotFound:
        return None  # not said yet: see `_use`
    except VaultError as error:
        logger.error("call %s: the vault refused (%s)", claim.call.pk, type(error).__name__)
    raise ToolError(code)


class _Watch:
    """Asked while the request is under way: shows a sign of life to the ledger, and hears a stop from it."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._renewed = time.monotonic()

    def __call__(self) -> bool:
        try:
            if time.monotonic() - self._renewed < _RENEW_SECONDS:
                return _stopped(self._claim)
            self._renewed = time.monotonic()
            return not ledger.renew(self._claim)
        except (DatabaseError, InterfaceError):
            return False  # a database that is away stops no request; the outcome waits for it in `_finish`


def _stopped(claim: Claim) -> bool:
    return ToolCall.objects.filter(pk=claim.call.pk, stop_requested=True).exists()


def _finish(claim: Claim, ending: _Ending) -> None:
    """Write the outcome, waiting out a database that is away for a while."""
    until, delay = time.monotonic() + _FINISH_SECONDS, 0.1
    while True:
        try:
            written = _write(claim, ending)
        except (DatabaseError, InterfaceError):
            if time.monotonic() > until:
                raise
            time.sleep(delay)
            delay = min(2 * delay, 2.0)
            continue
        if not written:
            logger.info("call %s: this worker came late, its outcome is dropped", claim.call.pk)
        return


def _write(claim: Claim, ending: _Ending) -> bool:
    with transaction.atomic():
        written = ledger.finish(claim, ending.state, ending.result)
        if written and ending.withheld:
            detail: dict[str, Any] = {"call": str(claim.call.pk), "found_in": ending.withheld}
            audit.record(claim.call.tenant, "tool.withheld", actor="worker", subject=claim.call.name, detail=detail)
    return written
