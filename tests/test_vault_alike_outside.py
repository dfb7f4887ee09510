"""What others than the asker see of an answer (a proxy's log, a shell's caller): the same for a value, none, a typo."""

from collections.abc import Iterator

import pytest
from django.core.management import CommandError
from django.test import Client
from django.urls import reverse

from tenants.models import AuditRow
from tests.test_vault_command import Run, run
from tests.vault_cast import FIRST, SECOND, WRONG, Vault
from vault import entries
from vault.models import VaultEntry
from vault.row import BANDS, longest

__all__ = ["run"]  # the command, as its own tests run it
LABEL = "stripe"
Seen = tuple[int, int, int]  # status, bytes of the headers, bytes of the body


@pytest.fixture(params=BANDS)
def stocked(vault: Vault, request: pytest.FixtureRequest) -> Vault:
    """A short value under the first password; under the second the longest that a page can have."""
    vault.add_second()
    longest_one = b'"' * longest(request.param)
    entries.put(vault.tenant, LABEL, b"x", password=FIRST, band=request.param, actor="operator")
    entries.put(vault.tenant, LABEL, longest_one, password=SECOND, actor="operator")
    return vault


@pytest.fixture
def alice(stocked: Vault) -> Client:
    client = Client()
    client.force_login(stocked.cast.alice)
    client.get("/")  # the session and the token are there
    return client


def seen(client: Client, act: str, password: str) -> Seen:
    where = reverse(f"vault_{act}", kwargs={"slug": "acme", "pk": VaultEntry.objects.get().pk})
    answer = client.post(where, {"password": password, "value": "y"})
    return answer.status_code, len(answer.serialize_headers()), len(answer.content)


def passwords(vault: Vault) -> Iterator[tuple[str, str]]:
    """A value, another one, none, a password that opens nothing; made so when it is asked for."""
    yield "value", FIRST
    yield "other value", SECOND
    entries.delete(vault.tenant, LABEL, password=FIRST, actor="operator")
    yield "no value", FIRST
    yield "wrong", WRONG


@pytest.mark.parametrize("act", ["reveal", "replace", "delete"])
def test_every_answer_of_a_labels_page_has_one_status_and_one_size(alice: Client, stocked: Vault, act: str) -> None:
    answers = {what: seen(alice, act, password) for what, password in passwords(stocked)}
    assert len(set(answers.values())) == 1, answers
    assert answers["value"][0] == 200


@pytest.mark.parametrize("act", ["reveal", "replace", "delete"])
def test_the_trail_beside_a_proxys_log_does_not_tell_either(alice: Client, stocked: Vault, act: str) -> None:
    verbs, versions = [], []
    for what, password in passwords(stocked):
        before = VaultEntry.objects.get().version
        seen(alice, act, password)
        row = AuditRow.objects.for_tenant(stocked.tenant).order_by("n").last()
        assert row is not None
        if what != "wrong":  # a try that is refused stands in the trail as one
            verbs.append((row.verb, row.subject))
            versions.append(VaultEntry.objects.get().version - before)
    assert len(set(verbs)) == len(set(versions)) == 1


def test_what_an_act_found_is_said_on_the_page(alice: Client, stocked: Vault) -> None:
    where = reverse("vault_replace", kwargs={"slug": "acme", "pk": VaultEntry.objects.get().pk})
    sentences = {"value": "is replaced", "no value": "holds no value", "wrong": "opens nothing here"}
    for what, password in passwords(stocked):
        page = alice.post(where, {"password": password, "value": "y"}).content.decode()
        assert sentences.get(what, "is replaced") in page
    assert entries.get(stocked.tenant, LABEL, password=SECOND, actor="operator") == b"y"


def test_a_proxy_is_asked_not_to_compress(alice: Client, stocked: Vault) -> None:
    where = reverse("vault_reveal", kwargs={"slug": "acme", "pk": VaultEntry.objects.get().pk})
    headers = alice.post(where, {"password": FIRST}, headers={"Accept-Encoding": "gzip"}).headers
    assert "no-transform" in headers["Cache-Control"]
    assert "no-store" in headers["Cache-Control"]
    assert "Content-Encoding" not in headers


@pytest.mark.parametrize("act", ["get", "rotate", "delete"])
def test_the_command_ends_alike(run: Run, stocked: Vault, act: str) -> None:
    ends = {}
    for what, password in passwords(stocked):
        try:
            run(act, "acme", LABEL, stdin=b"y", password=password)
            ends[what] = 0, 0
        except CommandError as refusal:
            ends[what] = refusal.returncode, str(refusal).count("\n")
    assert ends["value"] == ends["other value"] == (0, 0)
    assert ends["wrong"] == (1, 0)
    assert ends["no value"] == ((0, 0) if act == "delete" else ends["wrong"])
