"""Statements that are built once say what the ORM would."""

import pytest

from deny_web.prepared import Insert, Update
from tenants.models import Tenant

pytestmark = pytest.mark.django_db


def test_prepared_statements_write_what_the_orm_writes():
    tenant = Tenant(slug="a1", name="Ä")
    Insert(Tenant).one(tenant)
    Insert(Tenant).many([Tenant(slug="b1", name="B"), Tenant(slug="c1", name="C")])
    read = Tenant.objects.get(slug="a1")
    assert (read.pk, read.name, read.max_steps, read.created_at) == (
        tenant.pk, "Ä", tenant.max_steps, tenant.created_at,
    )  # fmt: skip
    update = Update(Tenant, ("name", "demo"), where=("id", "slug"))
    assert update.run({"name": "N", "demo": True}, [tenant.pk, ("x", "a1")]) == 1
    assert update.run({"name": "M", "demo": True}, [tenant.pk, "other"]) == 0
    read.refresh_from_db()
    assert (read.name, read.demo) == ("N", True)
