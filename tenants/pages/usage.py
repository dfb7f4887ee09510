"""`/t/SLUG/console/usage/`: what was used and what it cost; members see their own, admins all."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenants import access, money, usage_report
from tenants.access import Act
from tenants.usage_report import Line

DAYS = 30
MOST_DAYS = 366
_HEIGHT = 100  # of the chart's own units; the page stretches them


class RangeForm(forms.Form):
    since = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and not timedelta() <= until - since < timedelta(days=MOST_DAYS):
            raise forms.ValidationError("Choose a first day before the last, and at most a year.")
        return self.cleaned_data


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart, in the chart's units from its top left."""

    x: int
    y: float
    height: float
    title: str


@require_safe
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    principal = access.for_session(request.user, slug, Act.READ)
    form, since, until = _range(request)
    found = usage_report.rows(principal, since, until)
    total = usage_report.total(found)
    in_money = request.GET.get("show", "cost" if total.cost else "tokens") == "cost"
    days = usage_report.by_day(found, since, until)
    most = max((_height(day, in_money) for day in days), default=0)
    context = {
        "form": form,
        "since": since,
        "until": until,
        "total": total,
        "in_money": in_money,
        "days": days,
        "bars": [_bar(n, day, most, in_money) for n, day in enumerate(days)],
        "top": money.shown(most) if in_money else f"{most:,}",
        "tables": _tables(found, principal),
        "sees_all": principal.may(Act.SPEND_WRITE),
    }
    return render(request, "tenants/usage.html", context)


@require_safe
@login_required
def export(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """The same days as CSV."""
    principal = access.for_session(request.user, slug, Act.READ)
    _, since, until = _range(request)
    lines = usage_report.as_csv(usage_report.rows(principal, since, until), principal)
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="usage-{slug}-{since}-{until}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer


def _range(request: HttpRequest) -> tuple[RangeForm, date, date]:
    today = datetime.now(UTC).date()
    usual = {"since": today - timedelta(days=DAYS - 1), "until": today}
    form = RangeForm(request.GET if "since" in request.GET else usual)
    if form.is_valid():
        return form, form.cleaned_data["since"], form.cleaned_data["until"]
    return form, usual["since"], usual["until"]


def _tables(found: Any, principal: access.Principal) -> list[tuple[str, list[Line]]]:
    tables = [("Model", usage_report.by_model(found)), ("Key", usage_report.by_key(found, principal))]
    if principal.may(Act.SPEND_WRITE):
        tables.append(("Member", usage_report.by_member(found)))
    return tables


def _height(day: Line, in_money: bool) -> int:
    return day.cost if in_money else day.tokens


def _bar(n: int, day: Line, most: int, in_money: bool) -> Bar:
    height = _HEIGHT * _height(day, in_money) / most if most else 0
    told = day.cost_shown if in_money else f"{day.tokens:,} tokens"
    return Bar(n * 10 + 1, round(_HEIGHT - height, 2), round(height, 2), f"{day.name}: {told}")
