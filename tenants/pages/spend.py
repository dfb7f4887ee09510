"""`/t/SLUG/console/spend/`: budgets, what is left of them, and limits a minute."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from tenants import access, budgets, money, prices, spending, usage_report
from tenants.access import Act, Principal
from tenants.models import ApiKey, Budget, Price, Tenant
from tenants.rules import Refused

NEAR = 80  # per cent of a budget, from where it shows


class AmountForm(forms.Form):
    """An amount in dollars or in tokens, as the budget has it."""

    amount = forms.DecimalField(label="Amount", min_value=Decimal("0.000001"), max_digits=16, decimal_places=6)

    def amount_in(self, unit: str) -> int:
        given: Decimal = self.cleaned_data["amount"]
        return money.nano(given) if unit == Budget.Unit.USD else int(given)


class BudgetForm(AmountForm):
    whose = forms.ChoiceField(label="Whose")
    unit = forms.ChoiceField(label="In", choices=Budget.Unit.choices)
    period = forms.ChoiceField(label="For", choices=Budget.Period.choices, initial=Budget.Period.MONTH)
    field_order = ("whose", "amount", "unit", "period")

    def __init__(self, *args: object, tenant: Tenant, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.tenant = tenant
        keys = ApiKey.objects.for_tenant(tenant).filter(revoked_at=None).order_by("name")
        members = tenant.memberships.select_related("user").order_by("user__email")
        groups = (
            ("Members", [(f"member {row.user_id}", row.user.email) for row in members]),
            ("Keys", [(f"key {key.pk}", f"{key.name} (dw_{key.prefix})") for key in keys]),
        )
        choices = [("tenant", "The whole workspace"), *(group for group in groups if group[1])]
        self.fields["whose"].choices = choices  # type: ignore[attr-defined]

    def set(self, acting: Principal) -> Budget:
        kind, _, pk = self.cleaned_data["whose"].partition(" ")
        unit = self.cleaned_data["unit"]
        return spending.set_budget(
            acting=acting,
            unit=unit,
            period=self.cleaned_data["period"],
            amount=self.amount_in(unit),
            api_key=ApiKey.objects.for_tenant(self.tenant).get(pk=pk) if kind == "key" else None,
            user=self.tenant.memberships.get(user=pk).user if kind == "member" else None,
        )


class LimitsForm(forms.Form):
    requests = forms.IntegerField(
        label="Requests a minute",
        min_value=1,
        max_value=10_000_000,
        required=False,
        help_text="Each answer that is asked for is one. Empty is no limit.",
    )
    tokens = forms.IntegerField(
        label="Tokens a minute",
        min_value=1,
        max_value=2_000_000_000,
        required=False,
        help_text="Input and output together. Estimated before an answer, put right after it. Empty is no limit.",
    )


class WorkspaceLimitsForm(LimitsForm):
    answer_tokens = forms.IntegerField(
        label="Longest answer under a budget",
        min_value=16,
        max_value=1_000_000,
        help_text="In tokens, for each step of a request that does not set max_output_tokens. That much is reserved, "
        "and the model is told to stop there.",
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A budget as the page shows it."""

    budget: Budget
    whose: str
    spent: str
    reserved: str
    amount: str
    percent: int

    @property
    def state(self) -> str:
        return "over" if self.percent >= 100 else "near" if self.percent >= NEAR else ""


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """The budgets; POST adds one."""
    acting = access.for_session(request.user, slug, Act.SPEND_WRITE)
    form = BudgetForm(request.POST or None, tenant=acting.tenant)
    if form.is_valid():
        try:
            form.set(acting)
            messages.success(request, "The budget holds from the next request on.")
            return redirect("spend", slug=slug)
        except Refused as refused:
            form.add_error(None, str(refused))
    found = Budget.objects.for_tenant(acting.tenant).select_related("api_key", "user").order_by("pk")
    now = timezone.now()
    rows = sorted((_row(one, now) for one in found), key=lambda row: -row.percent)
    return render(request, "tenants/spend/budgets.html", {"rows": rows, "form": form, "unpriced": _unpriced(acting)})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Another amount."""
    acting = access.for_session(request.user, slug, Act.SPEND_WRITE)
    budget = get_object_or_404(Budget.objects.for_tenant(acting.tenant), pk=pk)
    shown = Decimal(money.dollars(budget.amount)) if budget.unit == Budget.Unit.USD else budget.amount
    form = AmountForm(request.POST or None, initial={"amount": shown})
    if form.is_valid():
        try:
            spending.change_budget(budget, form.amount_in(budget.unit), acting=acting)
            messages.success(request, "Saved. It holds from the next request on.")
            return redirect("spend", slug=slug)
        except Refused as refused:
            form.add_error("amount", str(refused))
    return render(request, "tenants/spend/budget.html", {"form": form, "row": _row(budget, timezone.now())})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Ask, then take the budget away."""
    acting = access.for_session(request.user, slug, Act.SPEND_WRITE)
    budget = get_object_or_404(Budget.objects.for_tenant(acting.tenant), pk=pk)
    row = _row(budget, timezone.now())
    if request.method != "POST":
        return render(request, "tenants/spend/budget_remove.html", {"row": row})
    spending.remove_budget(budget, acting=acting)
    messages.success(request, f"{row.whose}: the budget is removed.")
    return redirect("spend", slug=slug)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def limits(request: HttpRequest, slug: str) -> HttpResponse:
    """The workspace's limits a minute, and those of its keys."""
    acting = access.for_session(request.user, slug, Act.SPEND_WRITE)
    tenant = acting.tenant
    start = {
        "requests": tenant.requests_per_minute,
        "tokens": tenant.tokens_per_minute,
        "answer_tokens": tenant.answer_tokens,
    }
    form = WorkspaceLimitsForm(request.POST or None, initial=start)
    if form.is_valid():
        asked = form.cleaned_data
        spending.change_limits(acting=acting, requests=asked["requests"], tokens=asked["tokens"])
        spending.change_answer_tokens(asked["answer_tokens"], acting=acting)
        messages.success(request, "Saved. The limits hold from the next request on.")
        return redirect("spend_limits", slug=slug)
    keys = ApiKey.objects.for_tenant(tenant).filter(revoked_at=None).order_by("name")
    return render(request, "tenants/spend/limits.html", {"form": form, "keys": keys})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def key_limits(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One key's limits a minute."""
    acting = access.for_session(request.user, slug, Act.SPEND_WRITE)
    key = get_object_or_404(ApiKey.objects.for_tenant(acting.tenant), pk=pk, revoked_at=None)
    form = LimitsForm(
        request.POST or None, initial={"requests": key.requests_per_minute, "tokens": key.tokens_per_minute}
    )
    if form.is_valid():
        spending.change_limits(acting=acting, api_key=key, **form.cleaned_data)
        messages.success(request, f"The limits of {key.name} are changed, from its next request on.")
        return redirect("spend_limits", slug=slug)
    return render(request, "tenants/spend/key_limits.html", {"form": form, "key": key})


def _row(budget: Budget, now: datetime) -> Row:
    spent = budget.spent_at(now)
    return Row(
        budget,
        spending.named(budget),
        budgets.shown(budget, spent),
        budgets.shown(budget, budget.reserved) if budget.reserved else "",
        budgets.shown(budget, budget.amount),
        (spent + budget.reserved) * 100 // budget.amount,
    )


def _unpriced(acting: Principal) -> list[str]:
    """Models that were used this month and that no budget in dollars counts."""
    dollars = Budget.objects.for_tenant(acting.tenant).filter(unit=Budget.Unit.USD)
    has_fallback = Price.objects.for_tenant(acting.tenant).filter(model=prices.FALLBACK).exists()
    if has_fallback or not dollars.exists():
        return []
    today = datetime.now(UTC).date()
    used = usage_report.rows(acting, today.replace(day=1), today).filter(unpriced__gt=0)
    return sorted(set(used.values_list("model", flat=True)))
