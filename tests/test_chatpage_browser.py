"""The chat page in a real browser: sending, following, coming back, stopping, trying again."""

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.chat_page import LONG, Chat, ChatApp, held, plain
from tests.upstream import error, text

pytest_plugins = ["tests.chat_fixtures"]
pytestmark = pytest.mark.e2e


def tab(world: ChatApp, person: BrowserContext, url: str) -> Chat:
    other = Chat(person.new_page(), world.app.url)
    other.page.goto(url)
    return other


def test_address_stands_in_the_bar_before_the_first_word(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(held("Hello there.", after=2))
    chat.open().say("Hi")
    chat.page.wait_for_url(re.compile(r"/t/acme/chat/conv_[0-9a-f]+/$"))
    assert chat.message() == ""
    world.upstream.release()
    chat.ended()
    assert chat.message() == "Hello there."
    expect(chat.page.get_by_role("link", name="Hi", exact=True)).to_have_attribute("aria-current", "page")


def test_reload_mid_answer_shows_all_of_it_once(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(held(LONG))
    chat.open().say("Go on")
    expect(chat.answer).to_contain_text("Paragraph 3")
    chat.page.reload()
    expect(chat.answer).to_contain_text("Paragraph 3")
    expect(chat.page.get_by_role("button", name="Stop")).to_be_visible()
    world.upstream.release()
    chat.ended()
    assert chat.message() == plain(LONG)
    assert chat.articles.count() == 2


def test_closing_the_tab_and_coming_back_later_finds_the_answer(
    world: ChatApp, person: BrowserContext, chat: Chat
) -> None:
    world.upstream.queue(held(LONG))
    chat.open().say("Go on")
    expect(chat.answer).to_contain_text("Paragraph 3")
    address = chat.page.url
    chat.page.close()
    world.upstream.release()
    world.upstream.wait_state("done")
    again = tab(world, person, address).ended()
    assert again.message() == plain(LONG)


def test_second_tab_follows_the_same_answer(world: ChatApp, person: BrowserContext, chat: Chat) -> None:
    world.upstream.queue(held(LONG))
    chat.open().say("Go on")
    expect(chat.answer).to_contain_text("Paragraph 3")
    other = tab(world, person, chat.page.url)
    expect(other.answer).to_contain_text("Paragraph 3")
    world.upstream.release()
    assert chat.ended().message() == other.ended().message() == plain(LONG)


def test_second_tab_learns_of_a_message_sent_in_the_first(world: ChatApp, person: BrowserContext, chat: Chat) -> None:
    world.upstream.queue(text("One."), held("Two of them.", after=6))
    chat.open().say("First").ended()
    other = tab(world, person, chat.page.url)
    chat.say("Second")
    expect(other.articles).to_have_count(4)
    expect(other.page.get_by_role("article", name="You").last).to_have_text("Second")
    world.upstream.release()
    assert other.ended().message() == "Two of them."


def test_a_send_that_is_repeated_after_a_cut_makes_one_turn(world: ChatApp, chat: Chat) -> None:
    cuts: list[str] = []

    def cut_after_create(route: Any) -> None:
        server = route.connect_to_server()

        def forward(message: str) -> None:
            server.send(message)
            if "response.create" in message and not cuts:
                cuts.append(message)
                route.close()  # the request has left, its answer never arrives

        route.on_message(forward)

    chat.page.route_web_socket(re.compile("/v1/responses"), cut_after_create)
    world.upstream.queue(text("Once."))
    chat.open().say("Only once").ended()
    assert cuts
    assert chat.message() == "Once."
    assert chat.articles.count() == 2
    chat.page.reload()
    assert chat.articles.count() == 2
    assert len(world.upstream.bodies()) == 1


def test_killed_server_comes_back_and_nothing_is_doubled(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(held(LONG), text("All of it, from the start."))
    chat.open().say("Survive this")
    expect(chat.answer).to_contain_text("Paragraph 3")
    world.app.kill("web")
    expect(chat.answer).to_have_attribute("data-status", "completed", timeout=60_000)
    parts = chat.answer.locator("[data-markdown]")
    assert parts.count() == 2
    assert plain(parts.first.inner_text()) in plain(LONG)
    assert parts.last.inner_text() == "All of it, from the start."
    expect(chat.answer.locator(".is-abandoned")).to_have_count(1)
    shown = chat.answer.inner_text()
    chat.page.reload()
    assert chat.answer.inner_text() == shown


def test_stop_keeps_what_was_said(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(held(LONG))
    chat.open().say("Go on")
    expect(chat.answer).to_contain_text("Paragraph 3")
    chat.page.get_by_role("button", name="Stop").click()
    chat.ended("incomplete")
    expect(chat.answer).to_contain_text("Stopped.")
    expect(chat.answer).to_contain_text("Paragraph 3")
    expect(chat.page.get_by_role("button", name="Send")).to_be_visible()
    world.upstream.wait_state("client_gone")
    world.upstream.release()


def test_a_failure_says_what_to_do_and_retry_replaces_it(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(error(400), text("Better now."))
    chat.open().say("Try").ended("failed")
    expect(chat.answer).to_contain_text("refused the request. Check the model under Models")
    chat.answer.get_by_role("button", name="Retry").click()
    expect(chat.answer).to_contain_text("Better now.")
    chat.ended().page.reload()
    assert chat.articles.count() == 2
    assert chat.message() == "Better now."


def test_a_retry_later_in_a_conversation_forgets_only_the_failed_answer(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(text("First."), error(400), text("Second."))
    chat.open().say("One").ended().say("Two").ended("failed")
    chat.answer.get_by_role("button", name="Retry").click()
    expect(chat.answer).to_contain_text("Second.")
    chat.ended()
    assert chat.articles.count() == 4
    sent = str(world.upstream.bodies()[-1]["input"])
    assert "First." in sent
    assert sent.count("Two") == 1
