"""Deciding a tool call in the chat page: by mouse and keyboard, in another tab, after a reload, without script."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from deny_web import rundir
from tests import tool_api
from tests.chat_page import Chat, ChatApp, chat_app
from tests.infra.app import wait_for
from tests.tool_api import reply
from tests.upstream import calls, text

pytestmark = pytest.mark.e2e
INVOICE = {"id": "in_1", "amount_due": 4200, "note": "open"}


@pytest.fixture(scope="module")
def world(migrated_dir: Path) -> Iterator[ChatApp]:
    folder = Path(tempfile.mkdtemp(prefix="dw-chat-"))
    with chat_app(folder, migrated_dir) as made:
        entry = tool_api.tool(made.api.url + "/v1/invoices/{id}", name="refund", approval="ask")
        file = folder / "refund.json"
        file.write_text(json.dumps([entry]))
        made.app.manage("tools", "load", "acme", str(file))
        made.unlock()
        yield made
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def person(world: ChatApp, browser: Browser) -> Iterator[BrowserContext]:
    world.upstream.reset()
    world.api.requests.clear()
    world.api.handle("/v1/invoices/in_1", reply(INVOICE))
    context = world.context(browser, viewport={"width": 1280, "height": 800})
    yield context
    context.close()
    world.upstream.assert_used()


@pytest.fixture
def chat(world: ChatApp, person: BrowserContext) -> Chat:
    return Chat(person.new_page(), world.app.url)


def card(chat: Chat) -> Locator:
    return chat.answer.get_by_role("group", name="Tool call refund").last


def asked(world: ChatApp, chat: Chat, *, then: str = "Done.") -> Locator:
    world.upstream.queue(calls(("refund", {"id": "in_1"})), text(then))
    chat.open().say("Refund in_1")
    expect(card(chat)).to_have_attribute("data-state", "waiting")
    expect(card(chat).get_by_role("button", name="Approve")).to_be_visible()
    return card(chat)


def waits(world: ChatApp) -> bool:
    with closing(sqlite3.connect(rundir.database_path(world.app.data_dir), timeout=20)) as database:
        return database.execute("SELECT count(*) FROM chat_response WHERE wait_reason = 'approval'").fetchone() == (1,)


def test_a_card_shows_what_would_be_sent_and_approving_sends_it(world: ChatApp, chat: Chat) -> None:
    seam = asked(world, chat)
    expect(seam).to_have_attribute("aria-label", "Tool call refund, Waits for a person")
    expect(seam).to_contain_text('"id": "in_1"')
    expect(seam).to_contain_text(world.api.host)
    expect(seam.locator(".chip-sealed")).to_contain_text("stripe-prod")
    assert not world.api.requests
    seam.get_by_role("button", name="Approve").click()
    chat.ended()
    expect(card(chat)).to_have_attribute("data-state", "done")
    expect(card(chat)).to_contain_text("4200")
    expect(chat.answer.get_by_role("group")).to_have_count(1)
    expect(card(chat).get_by_role("button")).to_have_count(0)
    assert len(world.api.requests) == 1
    assert chat.message() == "Done."
    chat.page.reload()
    expect(chat.answer.get_by_role("group")).to_have_count(1)
    expect(card(chat)).to_have_attribute("data-state", "done")


def test_denying_sends_nothing_and_says_so(world: ChatApp, chat: Chat) -> None:
    asked(world, chat, then="Then not.").get_by_role("button", name="Deny").click()
    chat.ended()
    for _ in range(2):
        expect(card(chat)).to_have_attribute("data-state", "denied")
        expect(card(chat)).to_contain_text("Denied, so nothing was sent.")
        chat.page.reload()
    assert not world.api.requests
    assert chat.message() == "Then not."


def test_the_keyboard_decides_and_the_decision_is_spoken(world: ChatApp, chat: Chat) -> None:
    seam = asked(world, chat)
    spoken = chat.page.locator("[data-announce]")
    expect(spoken).to_contain_text("Tool call refund, Waits for a person")
    expect(spoken).to_contain_text("approve or deny")
    seam.get_by_role("button", name="Approve").focus()
    chat.page.keyboard.press("Tab")
    expect(seam.get_by_role("button", name="Deny")).to_be_focused()
    chat.page.keyboard.press("Enter")
    expect(spoken).to_contain_text("Denied, so nothing was sent.")
    expect(card(chat)).to_be_focused()
    chat.ended()
    assert not world.api.requests


def test_a_reload_and_another_tab_show_the_question_and_its_answer(
    world: ChatApp, chat: Chat, person: BrowserContext
) -> None:
    asked(world, chat)
    wait_for(lambda: waits(world), 60, "it was not suspended")
    chat.page.reload()
    expect(card(chat).get_by_role("button", name="Approve")).to_be_visible()
    expect(chat.page.get_by_role("button", name="Stop")).to_be_visible()
    other = Chat(person.new_page(), world.app.url)
    other.page.goto(chat.page.url)
    expect(card(other).get_by_role("button", name="Approve")).to_be_visible()
    card(other).get_by_role("button", name="Approve").click()
    for one in (other, chat):
        one.ended()
        expect(card(one)).to_have_attribute("data-state", "done")
        expect(one.answer.get_by_role("group")).to_have_count(1)
    assert len(world.api.requests) == 1


def test_what_one_tab_denied_is_denied_in_the_other_while_the_turn_waits(
    world: ChatApp, chat: Chat, person: BrowserContext
) -> None:
    world.upstream.queue(calls(("refund", {"id": "in_1"}), ("refund", {"id": "in_2"})), text("Neither."))
    chat.open().say("Refund both")
    cards = chat.answer.get_by_role("group", name="Tool call refund")
    expect(cards.get_by_role("button", name="Deny")).to_have_count(2)
    wait_for(lambda: waits(world), 60, "it was not suspended")
    other = Chat(person.new_page(), world.app.url)
    other.page.goto(chat.page.url)
    others = other.answer.get_by_role("group", name="Tool call refund")
    others.first.get_by_role("button", name="Deny").click()
    for shown in (cards, others):
        expect(shown.first).to_have_attribute("data-state", "denied")
        expect(shown.last).to_have_attribute("data-state", "waiting")
    chat.page.reload()
    expect(cards.first).to_have_attribute("data-state", "denied")
    cards.last.get_by_role("button", name="Deny").click()
    chat.ended()
    other.ended()
    expect(cards).to_have_count(2)
    assert not world.api.requests


def test_a_question_that_outlived_its_events_is_shown_from_the_store(world: ChatApp, chat: Chat) -> None:
    asked(world, chat)
    wait_for(lambda: waits(world), 60, "it was not suspended")
    world.app.kill("valkey")
    world.app.wait_ready()
    world.unlock()
    chat.page.reload()
    expect(card(chat).get_by_role("button", name="Deny")).to_be_visible()
    card(chat).get_by_role("button", name="Deny").click()
    chat.ended()
    expect(card(chat)).to_have_attribute("data-state", "denied")
    expect(chat.answer.get_by_role("group")).to_have_count(1)


def test_nobody_decides_in_time(world: ChatApp, chat: Chat) -> None:
    asked(world, chat)
    with closing(sqlite3.connect(rundir.database_path(world.app.data_dir), timeout=20)) as database:
        database.execute("UPDATE chat_toolcall SET approval_expires_at = '2020-01-01 00:00:00'")
        database.commit()
    chat.ended()
    expect(card(chat)).to_have_attribute("data-state", "denied")
    expect(card(chat)).to_contain_text("Nobody decided in time, so nothing was sent.")
    assert not world.api.requests


def test_stop_ends_a_question(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(calls(("refund", {"id": "in_1"})))
    chat.open().say("Refund in_1")
    expect(card(chat).get_by_role("button", name="Approve")).to_be_visible()
    wait_for(lambda: waits(world), 60, "it was not suspended")
    chat.page.get_by_role("button", name="Stop").click()
    chat.ended("incomplete")
    for _ in range(2):
        expect(card(chat)).to_have_attribute("data-state", "stopped")
        expect(card(chat).get_by_role("button")).to_have_count(0)
        chat.page.reload()
    assert not world.api.requests


def test_without_script_the_buttons_are_a_form(world: ChatApp, chat: Chat, browser: Browser) -> None:
    asked(world, chat)
    wait_for(lambda: waits(world), 60, "it was not suspended")
    plain = world.context(browser, java_script_enabled=False)
    page = Chat(plain.new_page(), world.app.url)
    page.page.goto(chat.page.url)
    expect(card(page)).to_contain_text('"id": "in_1"')
    card(page).get_by_role("button", name="Approve").click()
    assert page.page.url == chat.page.url
    chat.ended()
    page.page.reload()
    expect(card(page)).to_have_attribute("data-state", "done")
    plain.close()
    assert len(world.api.requests) == 1
