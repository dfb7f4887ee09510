"""Writes that share a transaction on SQLite: each hears of its own end, after the commit."""

import asyncio
import threading

import pytest
from django.db import IntegrityError, connection, transaction

from deny_web import db, loop
from tenants.models import Tenant

# PostgreSQL has many writers, and joins their commits itself.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]


def name(slug: str, value: str) -> str:
    with transaction.atomic(savepoint=False):
        Tenant.objects.create(slug=slug, name=value)
    return value


def together(*acts) -> list:
    """All acts wait before the writer begins; answers, or what they raised."""
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        go.wait(10)

    async def ask() -> list:
        first = asyncio.ensure_future(db.write(hold))
        await asyncio.get_running_loop().run_in_executor(None, held.wait)
        rest = [asyncio.ensure_future(db.write(act)) for act in acts]
        await asyncio.sleep(0)
        go.set()
        await first
        return await asyncio.gather(*rest, return_exceptions=True)

    return loop.submit(ask()).result(20)


def slugs() -> set[str]:
    return set(Tenant.objects.values_list("slug", flat=True))


def test_acts_that_wait_share_one_transaction():
    seen = []

    def act(slug: str) -> str:
        seen.append(connection.in_atomic_block)
        return name(slug, slug)

    assert together(lambda: act("a1"), lambda: act("b1")) == ["a1", "b1"]
    assert seen == [True, True]
    assert slugs() == {"a1", "b1"}


def test_one_that_fails_inside_its_own_block_takes_no_other_with_it():
    name("taken", "x")
    answers = together(lambda: name("a1", "A"), lambda: name("taken", "again"), lambda: name("b1", "B"))
    assert [answers[0], answers[2]] == ["A", "B"]
    assert isinstance(answers[1], IntegrityError)
    assert slugs() == {"taken", "a1", "b1"}


def test_one_that_refuses_before_it_writes_costs_the_others_nothing():
    runs = []

    def refuse() -> None:
        raise ValueError("no")

    def act() -> str:
        runs.append(1)
        return name("a1", "A")

    answers = together(act, refuse)
    assert answers[0] == "A"
    assert isinstance(answers[1], ValueError)
    assert runs == [1], "the first act ran once"


def test_one_that_undoes_its_work_silently_undoes_no_other():
    def undo() -> str:
        with transaction.atomic(savepoint=False):
            Tenant.objects.create(slug="gone", name="x")
            transaction.set_rollback(True)
        return "undone"

    assert together(lambda: name("a1", "A"), undo) == ["A", "undone"]
    assert slugs() == {"a1"}


def test_what_waits_for_the_commit_runs_once_and_after_it():
    told = []

    def act() -> None:
        with transaction.atomic(savepoint=False):
            Tenant.objects.create(slug="a1", name="A")
            transaction.on_commit(lambda: told.append(connection.in_atomic_block))

    together(act, lambda: name("a1", "twice"), lambda: name("b1", "B"))
    assert told == [False]


def test_an_asker_that_gave_up_harms_nobody():
    async def ask() -> str:
        left = asyncio.ensure_future(db.write(name, "a1", "A"))
        await asyncio.sleep(0)
        left.cancel()
        return await db.write(name, "b1", "B")

    assert loop.submit(ask()).result(20) == "B"
    assert slugs() >= {"b1"}


def test_what_a_hook_raises_after_the_commit_does_nothing_twice():
    """The commit stands. Doing the acts again would charge, count or create twice, for every workspace in the batch."""
    runs, heard = [], []

    def act(slug: str, hook) -> str:
        runs.append(slug)
        with transaction.atomic(savepoint=False):
            transaction.on_commit(hook)
        return slug

    def fails() -> None:
        raise OSError("the broker is away")

    answers = together(lambda: act("a1", fails), lambda: act("b1", lambda: heard.append("b1")))
    assert runs == ["a1", "b1"]
    assert heard == ["b1"], "another's hook ran, once"
    assert isinstance(answers[0], OSError)
    assert answers[1] == "b1"
