"""What an admin sets: budgets, and limits a minute."""

from datetime import UTC, datetime, time

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from tenants import audit, budgets, limits, money
from tenants.access import Act, Principal
from tenants.models import ApiKey, Budget, Membership, Tenant, UsageHour, User
from tenants.rules import Refused, clean, need

MOST_TOKENS = 10**15


def set_budget(
    *, acting: Principal, unit: str, period: str, amount: int, api_key: ApiKey | None = None, user: User | None = None
) -> Budget:
    """A budget of the workspace, of one of its keys or of one of its members; `amount` as in `Budget`.

    A day's or a month's begins with what was used of it already, one altogether begins with nothing.

    Raises:
        Refused: there is one of this kind already, or the amount is none.
    """
    need(acting, Act.SPEND_WRITE)
    _check_amount(unit, amount)
    tenant = acting.tenant
    if api_key is not None and api_key.tenant_id != tenant.pk:
        raise Refused("This key is not of this workspace.")
    if user is not None and not Membership.objects.for_tenant(tenant).filter(user=user).exists():
        raise Refused("This person is not a member.")
    budget = Budget(tenant=tenant, unit=unit, period=period, amount=amount, api_key=api_key, user=user)
    with transaction.atomic():
        _lock(tenant)
        same = Budget.objects.for_tenant(tenant).filter(api_key=api_key, user=user, unit=unit, period=period)
        if same.exists():
            raise Refused("There is a budget of this kind already. Change its amount instead.")
        budget.period_start = budget.start(timezone.now())
        budget.spent = _used(budget)
        clean(budget)
        budget.save(force_insert=True)
        _note_budgets(tenant)
        audit.record(tenant, "budget.set", actor=acting, subject=named(budget), detail=_told(budget))
    return budget


def change_budget(budget: Budget, amount: int, *, acting: Principal) -> None:
    """Another amount; what is spent and reserved stays. Raises Refused."""
    need(acting, Act.SPEND_WRITE)
    _check_amount(budget.unit, amount)
    with transaction.atomic():
        if Budget.objects.for_tenant(acting.tenant).filter(pk=budget.pk).exclude(amount=amount).update(amount=amount):
            budget.amount = amount
            audit.record(acting.tenant, "budget.change", actor=acting, subject=named(budget), detail=_told(budget))


def remove_budget(budget: Budget, *, acting: Principal) -> None:
    """Take a budget away, with what is reserved of it."""
    need(acting, Act.SPEND_WRITE)
    with transaction.atomic():
        _lock(acting.tenant)
        name = named(budget)
        if Budget.objects.for_tenant(acting.tenant).filter(pk=budget.pk).delete()[0]:
            _note_budgets(acting.tenant)
            audit.record(acting.tenant, "budget.remove", actor=acting, subject=name)


def change_limits(
    *, acting: Principal, requests: int | None, tokens: int | None, api_key: ApiKey | None = None
) -> None:
    """The limits a minute of the workspace, or of one of its keys; None is no limit. Raises Refused."""
    need(acting, Act.SPEND_WRITE)
    wanted = {"requests_per_minute": requests, "tokens_per_minute": tokens}
    with transaction.atomic():
        owner: Tenant | ApiKey = Tenant.objects.select_for_update(no_key=True).get(pk=acting.tenant.pk)
        if api_key is not None:
            owner = ApiKey.objects.for_tenant(acting.tenant).select_for_update().get(pk=api_key.pk)
        changed = {name: value for name, value in wanted.items() if getattr(owner, name) != value}
        if not changed:
            return
        for name, value in changed.items():
            setattr(owner, name, value)
        clean(owner)
        owner.save(update_fields=list(changed))
        subject = api_key.prefix if api_key is not None else ""
        audit.record(acting.tenant, "limit.change", actor=acting, subject=subject, detail=dict(changed))
        key_id = api_key.pk if api_key is not None else None
        transaction.on_commit(lambda: limits.forget(acting.tenant.pk, key_id))


def change_answer_tokens(tokens: int, *, acting: Principal) -> None:
    """How long an answer may be under a budget, where its request says nothing. Raises Refused."""
    need(acting, Act.SPEND_WRITE)
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update(no_key=True).get(pk=acting.tenant.pk)
        if tenant.answer_tokens != tokens:
            tenant.answer_tokens = tokens
            clean(tenant)
            tenant.save(update_fields=["answer_tokens"])
            audit.record(acting.tenant, "limit.change", actor=acting, detail={"answer_tokens": tokens})


def named(budget: Budget) -> str:
    """Whose budget it is, to people."""
    if budget.api_key is not None:
        return f"Key {budget.api_key.name}"
    return budget.user.email if budget.user is not None else "The workspace"


def _check_amount(unit: str, amount: int) -> None:
    if amount < 1 or amount > (money.MOST if unit == Budget.Unit.USD else MOST_TOKENS):
        raise Refused("Give an amount above nothing, and at most a million dollars.")


def _lock(tenant: Tenant) -> None:
    """Two acts on budgets queue up, so that `has_budgets` says what is."""
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)


def _note_budgets(tenant: Tenant) -> None:
    tenant.has_budgets = Budget.objects.for_tenant(tenant).exists()
    tenant.save(update_fields=["has_budgets"])


def _used(budget: Budget) -> int:
    if budget.period == Budget.Period.TOTAL:
        return 0
    since = datetime.combine(budget.period_start, time(), UTC)
    rows = UsageHour.objects.for_tenant(budget.tenant).filter(hour__gte=since)
    if budget.api_key_id is not None:
        rows = rows.filter(key=budget.api_key_id)
    if budget.user_id is not None:
        rows = rows.filter(member=budget.user_id)
    sums = rows.aggregate(cost=Sum("cost"), input=Sum("input_tokens"), output=Sum("output_tokens"))
    used = sums["cost"] if budget.unit == Budget.Unit.USD else (sums["input"] or 0) + (sums["output"] or 0)
    return int(used or 0)


def _told(budget: Budget) -> dict[str, object]:
    return {"amount": budgets.shown(budget, budget.amount), "period": budget.period}
