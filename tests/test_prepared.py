"""Statements that are built once say what the ORM would."""

import uuid

import pytest
from django.utils import timezone

from deny_web.prepared import Insert, Query, Update
from tenants.models import Tenant
from vault.models import VaultEntry

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


def test_prepared_query_gives_what_the_orm_gives(django_assert_num_queries):
    tenants = [Tenant.objects.create(slug=slug, name=f"{slug} Ä") for slug in ("a1", "b1")]
    entries = [
        VaultEntry.objects.create(tenant=tenant, label=label, band=1024, sealed=b"\0\xff", changed_at=timezone.now())
        for tenant in tenants
        for label in ("x", "y")
    ]
    found = Query(lambda tenant, label: VaultEntry.objects.for_tenant(tenant).filter(label=label), uuid.UUID, str)
    named = Query(
        lambda tenant, band: (
            VaultEntry.objects.filter(tenant=tenant, band=band)
            .order_by("label")
            .values_list("tenant_id", "label", "changed_at", "tenant__name")
        ),
        uuid.UUID,
        int,
    )
    for _ in range(2):  # built, and used again
        for entry in entries:
            with django_assert_num_queries(1):
                read = found.first(entry.tenant_id, entry.label)
            assert (read.pk, read.tenant_id, read.label) == (entry.pk, entry.tenant_id, entry.label)
            assert (bytes(read.sealed), read.changed_at) == (b"\0\xff", entry.changed_at)
        assert found.first(tenants[0].pk, "z") is None
        assert named.rows(tenants[1].pk, 4096) == []
        orm = VaultEntry.objects.filter(tenant=tenants[1]).order_by("label")
        assert named.rows(tenants[1].pk, 1024) == list(
            orm.values_list("tenant_id", "label", "changed_at", "tenant__name")
        )


def test_prepared_query_brings_what_it_selects_beside_and_leaves_out_what_is_deferred(django_assert_num_queries):
    tenant = Tenant.objects.create(slug="a1", name="A")
    VaultEntry.objects.create(tenant=tenant, label="x", band=1024, sealed=b"\1", changed_at=timezone.now())
    beside = Query(
        lambda tenant: VaultEntry.objects.filter(tenant=tenant).select_related("tenant").defer("sealed"), uuid.UUID
    )
    with django_assert_num_queries(1):
        read = beside.first(tenant.pk)
        assert (read.tenant, read.tenant.name, read.label) == (tenant, "A", "x")
    with django_assert_num_queries(1):
        assert bytes(read.sealed) == b"\1"


def test_prepared_update_counts_up():
    tenant = Tenant.objects.create(slug="a1", name="A", audit_head=4)
    update = Update(Tenant, ("name",), where=("id",), counted=("audit_head",))
    assert update.run({"name": "N"}, [tenant.pk]) == 1
    tenant.refresh_from_db()
    assert (tenant.name, tenant.audit_head) == ("N", 5)
