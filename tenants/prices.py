"""What a response costs: a price for its model, times its tokens.

A workspace's own price comes first, then the table that this version ships (`prices.json`, with the date that it was
true), then the workspace's fallback, which is its price for `*`. A model that has none of these has no cost: it is
shown as unknown, and only budgets in tokens count it.
"""

import json
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F

from tenants import audit
from tenants.access import Act, Principal
from tenants.models import Price, Tenant
from tenants.money import MOST, NANO
from tenants.rules import Refused, clean, need

FALLBACK = "*"
MILLION = 1_000_000
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}\Z")
_KEPT = 4096


class Rate(NamedTuple):
    """Billionths of a dollar for a million tokens."""

    input: int
    cached: int
    output: int

    def cost(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> int:
        """In billionths of a dollar, rounded up once; at most `money.MOST`. `cached_tokens` are part of
        `input_tokens`."""
        fresh = max(0, input_tokens - cached_tokens)
        parts = fresh * self.input + min(cached_tokens, input_tokens) * self.cached + output_tokens * self.output
        return min(-(-parts // MILLION), MOST)


class Shipped(NamedTuple):
    """The table that this version ships, and the month that it was true in."""

    as_of: str
    source: str
    rates: dict[str, Rate]


@cache
def shipped() -> Shipped:
    table = json.loads(Path(__file__).with_name("prices.json").read_text(encoding="utf-8"), parse_float=Decimal)
    rates = {model: _rate(*map(_decimal, prices)) for model, prices in table["models"].items()}
    return Shipped(table["as_of"], table["source"], rates)


_own: dict[tuple[uuid.UUID, int], dict[str, Rate]] = {}  # by workspace and version, so that a change is a miss


def rate(tenant: Tenant, model: str) -> Rate | None:
    """The price of a model in a workspace, None where it is not known. No query but the first after a change."""
    own = _rates(tenant) if tenant.prices_version else {}
    names = _names(model)
    for table in (own, shipped().rates):
        for name in names:
            if name in table:
                return table[name]
    return own.get(FALLBACK)


def _rates(tenant: Tenant) -> dict[str, Rate]:
    place = (tenant.pk, tenant.prices_version)
    found = _own.get(place)
    if found is None:
        rows = Price.objects.for_tenant(tenant)
        found = {row.model: _rate(row.input, row.cached_input, row.output) for row in rows}
        if len(_own) >= _KEPT:
            _own.clear()
        _own[place] = found
    return found


def _names(model: str) -> list[str]:
    """The names that a model's price may stand under: as it is, without its date, without its provider in front."""
    bare = model.rpartition("/")[2]
    return list(dict.fromkeys((model, _DATED.sub("", model), bare, _DATED.sub("", bare))))


def _rate(input: Decimal | None, cached: Decimal | None, output: Decimal | None) -> Rate:
    fresh = int((input or Decimal()) * NANO)
    return Rate(fresh, fresh if cached is None else int(cached * NANO), int((output or Decimal()) * NANO))


# --- what an admin does --------------------------------------------------------------------------------------------


def change(prices: Mapping[str, Mapping[str, Decimal | None]], *, acting: Principal) -> None:
    """Set prices, by model: `{"input", "cached_input" or nothing, "output"}` in dollars per million tokens.

    All or nothing. Past costs stay as they were.

    Raises:
        Refused: a model or a price that is none.
    """
    need(acting, Act.SPEND_WRITE)
    rows = [Price(tenant=acting.tenant, model=model.strip(), **values) for model, values in prices.items()]
    with transaction.atomic():
        _raise_version(acting.tenant)
        Price.objects.for_tenant(acting.tenant).filter(model__in=[row.model for row in rows]).delete()
        for row in rows:
            clean(row)
            row.save(force_insert=True)
        audit.record(acting.tenant, "price.change", actor=acting, detail={"models": sorted(row.model for row in rows)})


def remove(model: str, *, acting: Principal) -> None:
    """Take a price of the workspace's own back; the shipped one or the fallback holds again."""
    need(acting, Act.SPEND_WRITE)
    with transaction.atomic():
        if Price.objects.for_tenant(acting.tenant).filter(model=model).delete()[0]:
            _raise_version(acting.tenant)
            audit.record(acting.tenant, "price.remove", actor=acting, subject=model)


def parse(text: str) -> dict[str, dict[str, Decimal | None]]:
    """Prices from JSON: `{"MODEL": {"input": 1.25, "cached_input": 0.125, "output": 10}}`.

    Raises:
        Refused: it is not of this form; the sentence names the model.
    """
    try:
        data = json.loads(text, parse_float=Decimal)
    except (json.JSONDecodeError, RecursionError):
        raise Refused("This is not JSON.") from None
    if not isinstance(data, dict) or not data:
        raise Refused('Give an object with a model in each line: {"MODEL": {"input": 1.25, "output": 10}}.')
    return {str(model): _parsed(str(model), values) for model, values in data.items()}


def _parsed(model: str, values: Any) -> dict[str, Decimal | None]:
    if not isinstance(values, dict) or not {"input", "output"} <= set(values) <= {"input", "cached_input", "output"}:
        raise Refused(f"{model}: give input and output, and cached_input where it differs.")
    try:
        found = {name: _decimal(value) for name, value in values.items()}
    except (InvalidOperation, ValueError, TypeError):
        raise Refused(f"{model}: a price is a number, in US dollars per million tokens.") from None
    if found["input"] is None or found["output"] is None:
        raise Refused(f"{model}: input and output need a number.")
    return found


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | None):
        raise TypeError
    return None if value is None else Decimal(value)


def _raise_version(tenant: Tenant) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(prices_version=F("prices_version") + 1)
