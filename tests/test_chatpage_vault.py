"""The vault in the chat page: both sides of a tool call, unlocking from the card, the quiet line."""

import re

import pytest
from playwright.sync_api import expect

from tests.chat_page import CREDENTIAL, VAULT_PASSWORD, Chat, ChatApp
from tests.tool_api import reply
from tests.upstream import calls, text, thinking

pytest_plugins = ["tests.chat_fixtures"]
pytestmark = pytest.mark.e2e


def test_both_sides_of_a_tool_call(world: ChatApp, chat: Chat) -> None:
    world.unlock()
    world.api.handle("/v1/invoices/in_1", reply({"id": "in_1", "amount_due": 4200, "note": "n", "secret": "kept back"}))
    world.upstream.queue(
        thinking("**Looking** it up.", then=calls(("get_invoice", {"id": "in_1"}))), text("42 dollars.")
    )
    chat.open().say("How much is in_1?").ended()
    card = chat.answer.get_by_role("group", name=re.compile("^Tool call get_invoice"))
    expect(card).to_have_attribute("aria-label", "Tool call get_invoice, Done")
    expect(card.locator(".seam-model")).to_contain_text('"amount_due": 4200')
    expect(card.locator(".seam-api")).to_contain_text(f"{world.api.host}/v1/invoices/in_1")
    expect(card.locator(".seam-api")).to_contain_text("stripe-prod")
    expect(chat.answer.get_by_text("Thinking")).to_be_visible()
    live = chat.answer.inner_text()
    chat.page.reload()
    expect(chat.answer.locator(".is-rendered").last).to_be_visible()
    assert chat.answer.inner_text() == live
    assert CREDENTIAL not in chat.page.content()
    assert "kept back" not in chat.page.content()
    assert any(CREDENTIAL in seen.headers.get("authorization", "") for seen in world.api.requests)


def test_a_locked_vault_is_unlocked_from_the_card(world: ChatApp, chat: Chat) -> None:
    world.lock()
    world.api.handle("/v1/invoices/in_2", reply({"id": "in_2"}))
    world.upstream.queue(calls(("get_invoice", {"id": "in_2"})), text("It is locked."))
    chat.open().say("in_2, please").ended()
    expect(chat.page.get_by_text("Vault locked").last).to_be_visible()
    card = chat.answer.get_by_role("group", name=re.compile("^Tool call"))
    expect(card).to_contain_text("The vault is locked")
    card.get_by_role("button", name="Unlock").click()
    dialog = chat.page.get_by_role("dialog", name="Unlock the vault")
    dialog.get_by_label("Vault password").fill("not the password at all")
    dialog.get_by_role("button", name="Unlock").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Vault password").fill(VAULT_PASSWORD)
    dialog.get_by_role("button", name="Unlock").click()
    expect(dialog).to_be_hidden()
    expect(chat.page.get_by_text("Vault unlocked")).to_be_visible()
    expect(card.get_by_role("button", name="Unlock")).to_be_hidden()
    assert VAULT_PASSWORD not in chat.page.content()
    chat.page.get_by_text("Vault unlocked").click()
    chat.page.get_by_role("button", name="Lock", exact=True).click()
    expect(chat.page.locator("[data-vault]").get_by_text("Vault locked")).to_be_visible()


def test_the_line_tells_of_a_vault_that_is_locked_elsewhere(world: ChatApp, chat: Chat) -> None:
    world.unlock()
    chat.open()
    expect(chat.page.get_by_text("Vault unlocked")).to_be_visible()
    world.lock()
    expect(chat.page.locator("[data-vault]").get_by_text("Vault locked")).to_be_visible()
