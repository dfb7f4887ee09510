"""What is asked of an upstream beside responses is reserved for with all that goes up."""

import pytest

from chat import estimates, params
from chat.metering import metered
from deny_web import db
from tenants import spending
from tenants.access import Principal
from tenants.models import Budget, Reservation, Tenant
from tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)


def budgeted() -> Principal:
    cast: Cast = make_cast()
    spending.set_budget(acting=cast.owner, unit="tokens", period="total", amount=10**9)
    return Principal(Tenant.objects.get(pk=cast.acme.pk), cast.owner.role, cast.owner.user)


async def test_a_compaction_s_instructions_are_reserved_for() -> None:
    principal = await db.run(budgeted)
    create = params.parse({"input": "hi", "instructions": "word " * 100_000})
    told = estimates.of_value(create.request["instructions"])
    async with metered(principal, create, "m", create.input, "host_1") as account:
        assert account.reserved is not None
        assert account.reserved.tokens > told > 100_000
        assert (await db.run(Reservation.objects.get)).amount == account.reserved.tokens
    assert (await db.run(Budget.objects.get)).reserved == 0
