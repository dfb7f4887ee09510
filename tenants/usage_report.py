"""What was used, for people: by day, by model, by key, by member, and as CSV."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDate

from tenants import money
from tenants.access import Act, Principal
from tenants.models import ApiKey, UsageHour, User

_SUMS = ("responses", "input_tokens", "cached_tokens", "output_tokens", "cost", "unpriced")
_COLUMNS = (
    *("day", "member", "key", "model", "door", "responses"),
    *("input_tokens", "cached_input_tokens", "output_tokens", "cost_usd", "responses_without_price"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """Sums of one day, model, key or member."""

    name: str
    responses: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost: int
    unpriced: int

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def cost_shown(self) -> str:
        """The cost, `unknown` where nothing of it has a price, and a plus where a part has none."""
        if self.unpriced and self.unpriced >= self.responses:
            return "unknown"
        return money.shown(self.cost) + (" +" if self.unpriced else "")


def rows(principal: Principal, since: date, until: date) -> QuerySet[UsageHour]:
    """What this principal may see of the days from `since` to `until`, both included: admins all, others their own."""
    first, after = (datetime.combine(day, time(), UTC) for day in (since, until + timedelta(days=1)))
    found = UsageHour.objects.for_tenant(principal.tenant).filter(hour__gte=first, hour__lt=after)
    if principal.may(Act.SPEND_WRITE):
        return found
    return found.filter(member=principal.user.pk if principal.user else -1)


def total(found: QuerySet[UsageHour]) -> Line:
    sums = found.aggregate(**{name: Sum(name) for name in _SUMS})
    return _line("All", sums)


def by_day(found: QuerySet[UsageHour], since: date, until: date) -> list[Line]:
    """One line a day, those without use too."""
    sums = {row["day"]: row for row in _summed(found.annotate(day=TruncDate("hour", tzinfo=UTC)), "day")}
    days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    return [_line(day.isoformat(), sums.get(day, {})) for day in days]


def by_model(found: QuerySet[UsageHour]) -> list[Line]:
    return _ranked(_line(row["model"] or "not named", row) for row in _summed(found, "model"))


def by_key(found: QuerySet[UsageHour], principal: Principal) -> list[Line]:
    names = _key_names(principal)
    return _ranked(_line(names.get(row["key"], "a key that is gone"), row) for row in _summed(found, "key"))


def by_member(found: QuerySet[UsageHour]) -> list[Line]:
    summed = list(_summed(found, "member"))
    names = _member_names(row["member"] for row in summed)
    return _ranked(_line(names.get(row["member"], "somebody who is gone"), row) for row in summed)


def of_keys(principal: Principal, since: date) -> dict[int, Line]:
    """What each key has used since a day."""
    found = rows(principal, since, datetime.now(UTC).date())
    return {row["key"]: _line("", row) for row in _summed(found, "key")}


def as_csv(found: QuerySet[UsageHour], principal: Principal) -> Iterator[str]:
    """The sums by day, member, key, model and door, as lines of CSV with a head."""
    keys = _key_names(principal)
    summed = list(_summed(found.annotate(day=TruncDate("hour", tzinfo=UTC)), "day", "member", "key", "model", "door"))
    members = _member_names(row["member"] for row in summed)
    yield _csv_line(_COLUMNS)
    for row in summed:
        yield _csv_line(
            (
                row["day"].isoformat(),
                _inert(members.get(row["member"], "")),
                _inert(keys.get(row["key"], "") if row["key"] else ""),
                _inert(row["model"]),
                row["door"],
                *(row[name] for name in ("responses", "input_tokens", "cached_tokens", "output_tokens")),
                money.dollars(row["cost"]),
                row["unpriced"],
            )
        )


def _inert(text: str) -> str:
    # A spreadsheet runs a cell that begins so as a formula, and names are what somebody typed.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _csv_line(values: tuple[Any, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()


def _summed(found: QuerySet[Any], *names: str) -> QuerySet[Any, dict[str, Any]]:
    return found.values(*names).annotate(**{f"{name}": Sum(name) for name in _SUMS}).order_by(*names)


def _line(name: str, sums: dict[str, Any]) -> Line:
    return Line(name, *(int(sums.get(one) or 0) for one in _SUMS))


def _ranked(lines: Iterator[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: (-line.cost, -line.tokens, line.name))


def _key_names(principal: Principal) -> dict[int, str]:
    found = ApiKey.objects.for_tenant(principal.tenant).values_list("pk", "name", "prefix")
    return {0: "In the chat", **{pk: f"{name} (dw_{prefix})" for pk, name, prefix in found}}


def _member_names(ids: Iterator[int]) -> dict[int, str]:
    return dict(User.objects.filter(pk__in=set(ids)).values_list("pk", "email"))
