"""Look-alikes beside a value's field: made with the page, taken without a request, and never kept."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenants.models import AuditRow
from tests.vault_cast import FIRST, SECOND, Vault
from vault import entries, kinds, lookalikes
from vault.models import VaultEntry

_OFFERED = re.compile(r'<li data-kind="([a-z0-9-]+)"[^>]*><span>[^<]+</span> <code>([^<]+)</code>')


def offered(client: Client, url: str) -> dict[str, str]:
    response = client.get(url)
    assert "no-store" in response.headers["Cache-Control"]
    return dict(_OFFERED.findall(response.content.decode()))


@pytest.fixture
def two(vault: Vault) -> Vault:
    vault.add_second()
    for label, password in (("first-only", FIRST), ("second-only", SECOND)):
        entries.put(vault.tenant, label, b"sk_live_planted", password=password, actor="operator")
    return vault


@pytest.fixture
def pages(two: Vault) -> list[str]:
    shown = [reverse("vault_entry", args=["acme", entry.pk]) for entry in VaultEntry.objects.order_by("label")]
    return [reverse("vault_add", args=["acme"]), *shown]


def test_each_page_offers_fresh_ones_of_every_quick_kind(two: Vault, pages: list[str], client: Client) -> None:
    client.force_login(two.cast.alice)
    quick = {slug for slug, kind in lookalikes.CATALOGUE.items() if not kind.slow}
    for url in pages:
        first, second = offered(client, url), offered(client, url)
        assert first.keys() == second.keys() == quick
        assert first["stripe-live-key"] != second["stripe-live-key"]


def test_nothing_is_written_or_asked_for_them(two: Vault, pages: list[str], client: Client) -> None:
    client.force_login(two.cast.alice)
    before = AuditRow.objects.count()
    seen = []
    for url in pages:
        with CaptureQueriesContext(connection) as queries:
            offered(client, url)
        seen.append([query["sql"].partition(" ")[0] for query in queries])
    assert all(set(verbs) == {"SELECT"} for verbs in seen)
    assert seen[1] == seen[2]  # labels whose values belong to different passwords
    assert AuditRow.objects.count() == before


def test_one_that_is_stored_is_a_value_like_any_other(two: Vault, client: Client) -> None:
    client.force_login(two.cast.alice)
    value = offered(client, reverse("vault_add", args=["acme"]))["jwt-token"]
    client.post(reverse("vault_add", args=["acme"]), {"label": "both", "value": value, "password": SECOND})
    assert entries.get(two.tenant, "both", password=SECOND, actor="operator") == value.encode()
    row = AuditRow.objects.for_tenant(two.tenant).filter(verb="vault.write").order_by("n").last()
    entries.put(two.tenant, "both", b"working", password=FIRST, actor=row.actor)
    other = AuditRow.objects.for_tenant(two.tenant).filter(verb="vault.write").order_by("n").last()
    assert (row.subject, row.detail) == (other.subject, other.detail)


def test_a_reader_is_offered_none(two: Vault, pages: list[str], client: Client) -> None:
    client.force_login(two.cast.bob)
    assert [client.get(url).status_code for url in pages] == [403] * len(pages)


def test_the_command_prints_one_or_tells_the_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("vault", "lookalike", "github-pat-classic")
    found = kinds.suggest(capsys.readouterr().out)
    assert found
    assert found.slug == "github-token"
    call_command("vault", "lookalike")
    assert set(lookalikes.KINDS) == {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    with pytest.raises(CommandError):
        call_command("vault", "lookalike", "no-such-kind")
