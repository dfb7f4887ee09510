"""Who pays for a turn: what is taken ahead for it, what may still be used, and what it cost in the end.

Limits a minute are `tenants.limits`, budgets `tenants.budgets`, prices `tenants.prices`. A workspace without any of
them pays for none: what it needs to know comes with the one query that says who is asking.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction

from chat import estimates
from chat.errors import ApiError
from chat.models import Response
from chat.params import MAX_TOKENS, Create
from tenants import budgets, limits, prices
from tenants.access import Principal
from tenants.budgets import Amount
from tenants.limits import Bucket, Permit
from tenants.models import Reservation, Tenant
from tenants.prices import Rate

if TYPE_CHECKING:
    from chat.step import Step
    from chat.turn import Turn

_ANSWER_AHEAD = 1024  # tokens of an answer that are taken from a limit a minute, where the request names no most


@dataclass(slots=True)
class Account:
    """A turn's. `cost` is known at its end, in billionths of a dollar, None for a model without a price."""

    user_id: int | None = None
    api_key_id: int | None = None
    model: str = ""
    rate: Rate | None = None
    answer_tokens: int = 0  # the longest answer under a budget, where the request names none
    buckets: list[Bucket] = field(default_factory=list)
    taken: int = 0  # tokens, ahead, from the buckets
    reserved: Amount | None = None
    used: "Used | None" = None
    unsaid: "Used | None" = None  # an estimate for steps whose upstream said nothing of usage
    cost: int | None = None

    def take(self, permit: Permit) -> None:
        """What the limits a minute gave ahead; put right at the end."""
        self.buckets = [level.bucket for level in permit.levels]
        self.taken = permit.tokens


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens, by what they cost. `cached` are part of `input`."""

    input: int = 0
    cached: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output

    def plus(self, more: "Used") -> "Used":
        return Used(self.input + more.input, self.cached + more.cached, self.output + more.output)

    def amount(self, rate: Rate | None) -> Amount:
        return Amount(rate.cost(self.input, self.cached, self.output) if rate else None, self.total)


def used(usage: dict[str, Any] | None) -> Used:
    """An upstream's `usage`; whatever is not a number in it counts as none."""
    if not usage:
        return Used()
    details = usage.get("input_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Used(_count(usage.get("input_tokens")), cached, _count(usage.get("output_tokens")))


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return 0
    return min(value, MAX_TOKENS)  # an upstream may say what it likes; the sums have to fit the database's integers


# --- limits a minute -----------------------------------------------------------------------------------------------


class PermitNeeded(Exception):
    """A request has limits a minute, and nobody has asked them. Not an error: whoever makes it asks, and goes on."""

    def __init__(self, principal: Principal) -> None:
        super().__init__()
        self.principal = principal


def need_permit(principal: Principal, permit: Permit | None) -> None:
    """Raises PermitNeeded where a limit holds and `permit` is none.

    The limits are asked apart from the transaction that makes a response: it may be done twice, and holds a lock that
    nobody is to keep while Valkey answers.
    """
    if permit is None and limits.buckets(principal.tenant, principal.api_key):
        raise PermitNeeded(principal)


def admit(principal: Principal, create: Create) -> Permit:
    """Take a request from its limits a minute; `create.told` gets its answer's headers. Raises ApiError 429."""
    found = limits.buckets(principal.tenant, principal.api_key)
    try:
        permit = limits.take(found, *_asked(create.input, create.request), _ANSWER_AHEAD)
    except limits.Limited as limited:
        raise _too_many(limited) from None
    create.told.update(permit.headers)
    return permit


def give_back(permit: Permit) -> None:
    """Nothing was made of a request: its tokens are free again. It stays counted as a request."""
    limits.correct((level.bucket, -permit.tokens) for level in permit.levels)


def _asked(items: list[dict[str, Any]], request: dict[str, Any]) -> tuple[int, int | None]:
    """The estimated input of a request, and the longest answer that it names."""
    return estimates.of_items(items) + _beside(request), request.get("max_output_tokens")


def _beside(request: dict[str, Any]) -> int:
    return estimates.of_value(request.get("instructions")) + estimates.of_value(request.get("tools"))


def _too_many(limited: limits.Limited) -> ApiError:
    headers = dict(limited.headers)
    if limited.retry_after is None:
        headers["x-should-retry"] = "false"
    else:
        headers["retry-after"] = str(max(1, -int(-limited.retry_after // 1)))
    return ApiError(429, limited.sentence, code="rate_limit_exceeded", type=limited.what, headers=headers)


# --- budgets -------------------------------------------------------------------------------------------------------


def opened(row: Response, tenant: Tenant, model: str) -> Account:
    """The account of a response; nothing is taken ahead for it yet. `model` is the one that it gets unless it asks."""
    model = row.request.get("model") or model
    return Account(row.user_id, row.api_key_id, model, prices.rate(tenant, model), tenant.answer_tokens)


def reserve(principal: Principal, row: Response, sent: Callable[[], list[dict[str, Any]]]) -> Amount | None:
    """Reserve what a response may cost, in the transaction that creates it. No budget, no query. Raises ApiError 429.

    `sent` answers what goes up with it.
    """
    if not principal.tenant.has_budgets:
        return None
    request = row.request
    tokens = estimates.of_items(sent()) + _beside(request)
    return reserve_for(principal, row.id, row.host_id, row.model, tokens, request.get("max_output_tokens"))


def reserve_for(
    principal: Principal, response_id: str, host_id: str | None, model: str, sent: int, answer: int | None
) -> Amount | None:
    """Reserve for `sent` tokens of input and the longest answer. Raises ApiError 429."""
    tenant = principal.tenant
    amount = Used(sent, 0, answer or tenant.answer_tokens).amount(prices.rate(tenant, model))
    try:
        with transaction.atomic():
            found = budgets.reserve(principal, response_id, host_id or "", amount)
    except budgets.Exhausted as exhausted:
        # SDKs repeat other 429s by themselves.
        headers = {"x-should-retry": "false"}
        code = "insufficient_quota"
        raise ApiError(429, exhausted.sentence, code=code, type=code, headers=headers) from None
    return amount if found else None


def resumed(turn: "Turn", row: Response) -> None:
    """A successor takes the account over: what its response holds of budgets, and what it took from limits."""
    account = turn.account
    held = Reservation.objects.for_tenant(row.tenant_id).filter(response_id=row.pk).exists()
    account.reserved = Amount(0, 0) if held else None  # so that the next request is held against what is held
    account.buckets = limits.buckets(row.tenant, row.api_key)
    if account.buckets:
        bodies = [item.body for item in row.items.filter(direction="input")]
        account.taken = limits.wanted(account.buckets, *_asked(bodies, row.request), _ANSWER_AHEAD)


def cover(turn: "Turn", body: dict[str, Any]) -> None:
    """See to it that the reservation covers a request that is about to go up, and hold the answer to what it covers.

    On a database thread. Raises budgets.Exhausted.
    """
    account = turn.account
    longest = body.get("max_output_tokens") or account.answer_tokens
    so_far = used(turn.usage).plus(account.unsaid or Used())
    amount = so_far.plus(Used(estimates.of_body(body), 0, longest)).amount(account.rate)
    held = account.reserved or Amount(0, 0)
    if amount.tokens > held.tokens or (amount.nano or 0) > (held.nano or 0):
        budgets.extend(turn.tenant_id, turn.response_id, amount)
        account.reserved = amount
    body["max_output_tokens"] = longest


# --- the end -------------------------------------------------------------------------------------------------------


def close(turn: "Turn") -> None:
    """Reckon what a turn that is about to end has used and cost."""
    account = turn.account
    account.used = spent = _spent(turn)
    account.cost = spent.amount(account.rate).nano


def settle(turn: "Turn") -> None:
    """What its response held of budgets becomes what it cost. In the caller's transaction; can be repeated."""
    account = turn.account
    if account.reserved is not None:
        budgets.settle(turn.tenant_id, turn.response_id, (account.used or Used()).amount(account.rate))


def deleted(turn: "Turn") -> None:
    """A turn was refused at a write: where its response was deleted under it, no successor will settle."""
    if turn.account.reserved is not None and not Response.objects.filter(pk=turn.response_id).exists():
        close(turn)
        settle(turn)


def step_ended(turn: "Turn", step: "Step") -> None:
    """A step's answer is whole; its usage is not in the turn's yet, nor its output in the context."""
    turn.streaming = None
    if step.usage is None:
        turn.account.unsaid = (turn.account.unsaid or Used()).plus(_estimated(turn, step))


def _spent(turn: "Turn") -> Used:
    known = used(turn.usage).plus(turn.account.unsaid or Used())
    step = turn.streaming
    if step is None or not step.began:
        return known
    if step.usage is not None:  # it failed, and said what it counted
        return known.plus(used(step.usage))
    # Cut off or stopped on its way: the upstream never said what it counted, and it is paid for all the same. Without
    # this, whoever stops each answer just before its end would pass every budget.
    return known.plus(_estimated(turn, step))


def _estimated(turn: "Turn", step: "Step") -> Used:
    output = [turn.output.snapshot(index) for index in range(step.first, len(turn.output.items))]
    return Used(estimates.of_items(turn.context) + _beside(turn.request), 0, estimates.of_items(output))
