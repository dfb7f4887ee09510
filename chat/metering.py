"""Requests to an upstream that are no responses, such as a compaction: limited, reserved for and counted as well."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from chat import accounts, estimates, usage
from chat.accounts import Account, Used
from chat.errors import ApiError
from chat.models import Door
from chat.params import Create
from chat.providers.errors import UpstreamCut, UpstreamMalformed
from deny_web import db, ids
from tenants import budgets, prices
from tenants.access import Principal


@asynccontextmanager
async def metered(
    principal: Principal, create: Create, model: str, history: list[dict[str, Any]], host_id: str
) -> AsyncIterator[Account]:
    """Run one request to the upstream; whoever runs it sets `used`. Raises ApiError 429.

    What fails before the upstream has answered costs nothing; what breaks off costs what was sent.
    """
    name = ids.new("resp")
    sent = estimates.of_items(history) + estimates.of_value(create.request.get("instructions"))
    account = await db.run(_open, principal, create, model, sent, name, host_id)
    try:
        yield account
    except (UpstreamCut, UpstreamMalformed):
        account.used = Used(sent)
        raise
    finally:
        account.cost = (account.used or Used()).amount(account.rate).nano
        if account.reserved is not None:
            amount = (account.used or Used()).amount(account.rate)
            await db.run(budgets.settle, principal.tenant.pk, name, amount)
        usage.here().count(principal.tenant.pk, account, Door.API, "")


def _open(principal: Principal, create: Create, model: str, sent: int, name: str, host_id: str) -> Account:
    tenant = principal.tenant
    account = Account(
        principal.user.pk if principal.user else None,
        principal.api_key.pk if principal.api_key else None,
        model,
        prices.rate(tenant, model),
        tenant.answer_tokens,
    )
    permit = accounts.admit(principal, create)
    account.take(permit)
    if tenant.has_budgets:
        try:
            account.reserved = accounts.reserve_for(principal, name, host_id, model, sent, None)
        except ApiError:
            accounts.give_back(permit)
            raise
    return account
