"""What a process remembers of the database for a moment: never longer than until somebody writes."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from deny_web import loop, recent, valkey
from deny_web.prepared import Prepared
from tenants.models import AuditRow, Tenant
from tests.infra.app import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def listening(valkey_flushed, monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(recent, "LASTS", 60.0)  # so that what is dropped was dropped, and not too old
    heard = loop.submit(recent.listen())
    wait_for(lambda: recent._listening, 60, "the process does not listen")
    yield
    heard.cancel()
    wait_for(lambda: not recent._listening, 60, "the process still listens")


@pytest.fixture
def tenant() -> Tenant:
    before = recent._written
    made = Tenant.objects.create(slug="acme", name="Acme")
    wait_for(lambda: recent._written == before + 3)  # at the write, at its commit, and once it has come back by Valkey
    return made


class Question:
    """Counts how often it reaches the database."""

    def __init__(self) -> None:
        self.asked = 0

    def ask(self) -> int:
        self.asked += 1
        return self.asked

    def get(self) -> int:
        return recent.get("question", self.ask)


def test_an_answer_is_remembered_for_a_moment(monkeypatch):
    question = Question()
    assert [question.get(), question.get()] == [1, 1]
    recent.forget()
    monkeypatch.setattr(recent, "LASTS", 0.0)
    assert [question.get(), question.get()] == [2, 3]


def test_a_write_drops_it_at_once_and_again_after_its_commit(tenant):
    question = Question()
    question.get()
    with transaction.atomic():
        Tenant.objects.filter(pk=tenant.pk).update(name="Other")
        assert question.get() == 2
        assert question.get() == 3, "what an open transaction sees is its own"
    assert question.get() == 4
    tenant.delete()
    assert question.get() == 5


def test_a_transaction_that_wrote_nothing_of_it_may_be_remembered(tenant):
    question = Question()
    with transaction.atomic():
        assert [question.get(), question.get()] == [1, 1]


def test_a_write_of_another_process_drops_it():
    question = Question()
    question.get()
    valkey.sync().publish("deny_web:written", b"")  # what such a process says after its commit
    wait_for(lambda: question.get() == 2, 60, "another process's write was not heard")


def test_other_processes_are_told_after_the_commit(tenant):
    with valkey.sync().pubsub() as channel:
        channel.subscribe("deny_web:written")
        channel.get_message(timeout=5)
        with transaction.atomic():
            tenant.name = "Other"
            tenant.save()
            assert channel.get_message(timeout=0.05) is None
        assert channel.get_message(timeout=5)["type"] == "message"


def test_a_write_that_changes_no_answer_drops_none(tenant):
    question = Question()
    question.get()
    Tenant.objects.filter(pk=tenant.pk).update(audit_head=7)
    assert question.get() == 1


def test_an_answer_that_a_write_overtook_is_not_remembered(tenant):
    def ask() -> str:
        name = Tenant.objects.get(pk=tenant.pk).name
        Tenant.objects.filter(pk=tenant.pk).update(name="New")  # another thread, between the question and its answer
        return name

    assert recent.get("name", ask) == "Acme"
    assert recent.get("name", lambda: Tenant.objects.get(pk=tenant.pk).name) == "New"


def test_nothing_is_remembered_by_a_process_that_does_not_hear(listening, monkeypatch):
    monkeypatch.setattr(recent, "_listening", False)
    question = Question()
    assert [question.get(), question.get()] == [1, 2]


def test_nothing_is_remembered_of_what_is_not_there():
    assert recent.get("nothing", lambda: None) is None
    assert recent.get("nothing", lambda: "now") == "now"


def test_a_cancellation_ends_it_whenever_it_comes(listening):
    """In the middle of a connection's making one can get lost: the library takes it for something else."""
    for place in range(100):
        another = loop.submit(recent.listen())
        time.sleep(place % 10 / 1000)
        another.cancel()
    wait_for(lambda: loop.submit(_listeners()).result(5) == 1, 20, "somebody listens for good")


async def _listeners() -> int:
    return sum(getattr(task.get_coro(), "__name__", "") == "listen" for task in asyncio.all_tasks())


def test_a_thread_that_must_not_wait_is_told_so():
    question = Question()
    with recent.only(), pytest.raises(recent.Unknown):
        question.get()
    question.get()
    with recent.only():
        assert question.get() == 1


def test_a_prepared_query_over_a_table_that_nobody_watches_is_refused(tenant):
    query = Prepared(lambda tenant: AuditRow.objects.filter(tenant=tenant).values_list("n"))
    with pytest.raises(ImproperlyConfigured):
        query.rows(tenant.pk)


def test_every_connection_is_watched():
    assert recent._notice in connection.execute_wrappers
