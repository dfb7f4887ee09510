"""What a person does in the chat page besides reading: keys, drafts, names, signing out."""

import pytest
from playwright.sync_api import Browser, expect

from tests.chat_page import Chat, ChatApp, held
from tests.upstream import text

pytest_plugins = ["tests.chat_fixtures"]
pytestmark = pytest.mark.e2e


def test_keyboard_alone_is_enough(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(held("Slow. " * 30), text("Done."))
    chat.open()
    keys = chat.page.keyboard
    chat.page.evaluate("document.activeElement.blur()")
    for _ in range(40):
        keys.press("Tab")
        if chat.box.evaluate("box => box === document.activeElement"):
            break
    keys.type("line one")
    keys.press("Shift+Enter")
    keys.type("line two")
    expect(chat.box).to_have_value("line one\nline two")
    keys.press("Enter")
    expect(chat.answer).to_contain_text("Slow.")
    keys.press("Tab")
    expect(chat.page.get_by_role("button", name="Stop")).to_be_focused()
    keys.press("Enter")
    chat.ended("incomplete")
    expect(chat.box).to_be_focused()
    world.upstream.release()
    keys.press("Shift+Tab")
    keys.press("Shift+Tab")
    retry = chat.answer.get_by_role("button", name="Retry")
    expect(retry).to_be_focused()
    keys.press("Enter")
    expect(chat.answer).to_contain_text("Done.")


def test_enter_while_an_input_method_composes_does_not_send(chat: Chat) -> None:
    chat.open().box.fill("にほん")
    for options in ("{key: 'Enter', isComposing: true}", "{key: 'Enter', keyCode: 229}"):
        chat.box.evaluate(f"box => box.dispatchEvent(new KeyboardEvent('keydown', {options}))")
    expect(chat.box).to_have_value("にほん")
    assert chat.articles.count() == 0


def test_draft_outlives_a_reload(chat: Chat) -> None:
    chat.open().box.fill("half a thought")
    chat.page.reload()
    expect(chat.box).to_have_value("half a thought")


def test_rename_and_delete(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(text("Yes."))
    chat.open().say("Name me").ended()
    acts = chat.page.locator(".chat-head").get_by_label("This conversation")
    acts.click()
    chat.page.locator(".chat-head").get_by_role("link", name="Rename").click()
    chat.page.get_by_role("dialog").get_by_label("Title").fill("Renamed")
    chat.page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(chat.page.get_by_role("heading", name="Renamed")).to_be_visible()
    chat.page.locator(".chat-head").get_by_label("This conversation").click()
    chat.page.locator(".chat-head").get_by_role("link", name="Delete").click()
    chat.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    chat.page.wait_for_url("**/t/acme/chat/")
    expect(chat.page.get_by_role("link", name="Renamed")).to_have_count(0)


def test_signed_out_elsewhere_keeps_the_message(world: ChatApp, browser: Browser) -> None:
    context = world.context(browser)
    world.signed_in = None  # this session ends here
    chat = Chat(context.new_page(), world.app.url).open()
    chat.box.fill("not lost")
    other = context.new_page()
    other.goto(f"{world.app.url}/accounts/logout/")
    other.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(chat.page.get_by_role("alert")).to_contain_text("signed out")
    expect(chat.box).to_have_value("not lost")
    expect(chat.page.get_by_role("button", name="Send")).to_be_disabled()
    context.close()
