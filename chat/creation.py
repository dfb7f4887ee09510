"""Making a response: every check and every row of it in one transaction, and the live turn that its host will run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat import (
    accounts,
    approvals,
    compaction,
    comparison,
    context,
    inherited,
    inputs,
    kinds,
    lookup,
    offers,
    origins,
    parents,
    planning,
    references,
    tool_secrets,
    tripwires,
)
from chat.approvals import Answer
from chat.envelope import envelope
from chat.errors import ApiError, bad_request
from chat.events import EventLog
from chat.models import Conversation, Door, Item, Response, Status
from chat.params import Create, function_names
from chat.providers.routes import Plan
from chat.turn import Caps, Offer, Turn, Unwritten
from deny_web.prepared import Insert
from tenants.access import Principal
from tenants.budgets import Amount
from tenants.models import Tenant
from vault.models import Honeytoken
from vault.tripwires import armed

_TITLE_LENGTH = 80
_NEW_RESPONSE = Insert(Response)


@dataclass(frozen=True)
class Existing:
    """The same token was sent before: nothing was made, this is the response that it made."""

    response_id: str


@dataclass(frozen=True)
class Kept:
    """A response that is stored nowhere but in its connection, with the context that the next one builds on."""

    response_id: str
    context: list[dict[str, Any]]
    origin: str = ""  # of the upstream that the context is told for


def create(
    principal: Principal,
    create: Create,
    *,
    door: Door,
    host_id: str | None,
    kept: Kept | None = None,
    muted: bool = False,
) -> Turn | Existing:
    """Make a response and its input; the turn is `host_id`'s to run. Raises ApiError.

    Without a host the response is left queued for a turns worker. `kept` is what the connection remembers. `muted`:
    nobody will read its events, only the answer.
    """
    tenant = principal.tenant
    if create.token and (known := _existing(principal, create.token, door)):
        return known
    source = planning.plan(tenant, create.request.get("model"))
    origin = source.first.origin
    if create.previous_response_id and create.conversation and door is not Door.BROWSER:
        raise bad_request("Give either 'previous_response_id' or 'conversation'.", "previous_response_id")
    continued = kept if kept is not None and create.previous_response_id == kept.response_id else None
    given = approvals.answers(create.input)
    offered = offers.asked(tenant, principal.api_key, create.request)
    compared = comparison.asked(principal, create.request)
    seen = tripwires.in_input(principal, create.input, create.request.get("instructions"))

    def told(row: Response, rows: list[Item]) -> list[dict[str, Any]]:
        history = _kept(continued, origin) if continued else context.of_chain(tenant.id, row.parent_id, origin, 1)
        return compaction.opened(tenant.id, history + context.of_items(rows, origin=origin))

    try:
        row, history, reserved = _store(principal, create, door, host_id, source.model, continued, given, seen, told)
    except IntegrityError:
        # Two sends of the same token at once: the other one won.
        if create.token and (known := _existing(principal, create.token, door)):
            return known
        if create.previous_response_id and lookup.parent(principal, create.previous_response_id) is None:
            raise parents.unknown() from None  # deleted at this moment
        raise
    turn = live_turn(row, tenant, source, history, offered, muted=muted)
    turn.asks = bool(given)
    turn.compared = compared
    turn.account.reserved = reserved
    if continued:
        turn.envelope["previous_response_id"] = create.previous_response_id
    if _is_unwritten(row) and not given:
        turn.unwritten = Unwritten(row.user_id, row.api_key_id, row.host_id or "")
        turn.account.reserved = accounts.reserve(principal, row, lambda: history)
    return turn


def _kept(continued: Kept, origin: str) -> list[dict[str, Any]]:
    return continued.context if continued.origin == origin else origins.foreign(continued.context)


def _store(
    principal: Principal,
    create: Create,
    door: Door,
    host_id: str | None,
    model: str,
    continued: Kept | None,
    given: list[Answer],
    seen: list[Honeytoken],
    told: Callable[[Response, list[Item]], list[dict[str, Any]]],
) -> tuple[Response, list[dict[str, Any]], Amount | None]:
    """The response's row, written with its input's in one transaction unless nothing is to be stored, and its context.

    The decisions that its input gives are made in the same transaction, and the decided calls become its own. So are
    the alerts of the honeytokens `seen` in it, and what it reserves of budgets, the third value. The context is `told`
    in it too: what is refused there leaves no row behind that its host does not know, and that would stay in progress
    for good.
    """
    row = _new_row(principal, create, door, host_id, model)
    from_root = continued is not None or (create.from_root and door is Door.BROWSER)
    if _is_unwritten(row) and not create.conversation and not given:
        row.parent = None if from_root else parents.of(principal, create)
        rows = _input(principal, create, row, continued)
        tripwires.report_input(seen, principal, row)
        return row, told(row, inputs.stored(row, rows)), None
    with transaction.atomic(savepoint=False):
        conversation = _conversation(principal, create, door)
        row.conversation = conversation
        row.parent = None if from_root else parents.of(principal, create, conversation)
        rows = _input(principal, create, row, continued)
        _set_request(row, create, rows)
        _NEW_RESPONSE.one(row)
        first = inherited.store(row, continued.context, continued.origin) if continued and row.stored else 0
        rows = inputs.stored(row, rows, first)
        if given:
            asked = context.asked_ids(_before(row, continued) + context.of_items(rows))
            approvals.settle(principal, row, given, asked)
        # Before the conversation is locked: whoever holds that lock must not wait for the workspace's, nor the reverse.
        tripwires.report_input(seen, principal, row)
        if conversation is not None:
            _activate(conversation, row)
        row.request = create.request
        reserved = accounts.reserve(principal, row, lambda: _before(row, continued) + context.of_items(rows))
        return row, told(row, rows), reserved


def _input(principal: Principal, create: Create, row: Response, continued: Kept | None) -> list[Item]:
    """The input's rows, not written yet. Raises ApiError 400."""
    rows = references.resolved(principal, create.input)
    context.check_outputs([one.body for one in rows], lambda: _before(row, continued))
    return rows


def _new_row(principal: Principal, create: Create, door: Door, host_id: str | None, model: str) -> Response:
    return Response(
        tenant=principal.tenant,
        user=principal.user,
        api_key=principal.api_key,
        door=door,
        stored=create.store,
        status=Status.IN_PROGRESS if host_id else Status.QUEUED,
        request=create.request,
        model=create.request.get("model") or model,
        client_token=create.token,
        host_id=host_id,
        created_at=timezone.now(),
    )


def _set_request(row: Response, create: Create, rows: list[Item]) -> None:
    """What is stored of the request: without its tools' credentials, which only a successor will need."""
    row.request = create.request if create.store else {}
    if not create.store:
        return
    tools = create.request.get("tools")
    if (shown := tool_secrets.without(tools)) is not tools:
        row.request = {**create.request, "tools": shown}
    if row.door != Door.API:
        row.sealed_request = tool_secrets.seal(row.tenant_id, row.pk, tools, [one.body for one in rows])


def _before(row: Response, continued: Kept | None) -> list[dict[str, Any]]:
    return continued.context if continued else context.of_chain(row.tenant_id, row.parent_id)


def _is_unwritten(row: Response) -> bool:
    """Whether the response is in no table, until it calls a tool: a foreground API turn that stores nothing."""
    return row.door == Door.API and not row.stored and row.conversation_id is None


def live_turn(
    row: Response,
    tenant: Tenant,
    source: Plan,
    history: list[dict[str, Any]],
    offered: dict[str, Offer],
    *,
    muted: bool = False,
) -> Turn:
    """The host's view of a stored response."""
    functions = kinds.functions_in(history).union(function_names(row.request.get("tools") or []))
    turn = Turn(
        response_id=row.id,
        tenant_id=tenant.id,
        epoch=row.epoch,
        door=row.door,
        stored=row.stored,
        request=row.request,
        envelope=envelope(row, source.model),
        conversation_id=row.conversation_id,
        upstream=source.first,
        choices=source.upstreams,
        offers={name: offer for name, offer in offered.items() if name not in functions},
        client_functions=frozenset(functions),
        caps=Caps(tenant.max_steps, _seconds(row, tenant), tenant.max_tokens),
        context=history,
        log=EventLog(row.id, row.epoch, durable=row.stored, muted=muted),
        account=accounts.opened(row, tenant, source.model),
    )
    tripwires.opened(turn, armed.of(tenant))
    return turn


def _seconds(row: Response, tenant: Tenant) -> int:
    return tenant.max_background_seconds if row.door == Door.BACKGROUND else tenant.max_seconds


def _existing(principal: Principal, token: str, door: Door) -> Existing | None:
    # One's own: a token that somebody else has used is not theirs to be answered with.
    own = lookup.responses(principal).filter(user=principal.user, door=door)
    known = own.filter(client_token=token).values_list("pk", flat=True).first()
    return Existing(known) if known else None


def _conversation(principal: Principal, create: Create, door: Door) -> Conversation | None:
    if create.conversation:
        return lookup.conversation(principal, create.conversation)
    if create.new_conversation:
        return Conversation.objects.create(
            tenant=principal.tenant,
            created_by=principal.user if door is Door.BROWSER else None,
            title=_title(create.input) if create.store else "",
            changed_at=timezone.now(),
        )
    return None


def _activate(conversation: Conversation, row: Response) -> None:
    # Compare-and-set: of two sends at once, one gets the conversation and the other a clear answer.
    free = Conversation.objects.filter(pk=conversation.pk, active__isnull=True)
    if not free.update(active=row, leaf=row, changed_at=timezone.now()):
        raise busy(conversation)


def busy(conversation: Conversation) -> ApiError:
    """What a conversation with an active turn answers to a second one."""
    sentence = "This conversation is still answering. Wait for it, or stop it."
    if Response.objects.filter(pk=conversation.active_id, wait_reason=approvals.WAITS).exists():
        sentence = "This conversation waits for a decision on a tool call. Approve or deny it, or stop the answer."
    return ApiError(409, sentence, code="conversation_busy")


def _title(items: list[dict[str, Any]]) -> str:
    for item in items:
        for part in item["content"] if item["type"] == "message" else ():
            if isinstance(part, dict) and isinstance(part.get("text"), str) and part["text"].strip():
                return " ".join(part["text"].split())[:_TITLE_LENGTH]
    return ""
