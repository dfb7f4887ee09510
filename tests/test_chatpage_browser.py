"""The chat page in a real browser: sending, following, coming back, stopping, unlocking."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.chat_page import CREDENTIAL, VAULT_PASSWORD, Chat, ChatApp, chat_app
from tests.tool_api import reply
from tests.upstream import calls, error, text, thinking

pytestmark = pytest.mark.e2e

LONG = "\n\n".join(f"Paragraph {n} has a few plain words in it." for n in range(40))


@pytest.fixture(scope="module")
def world(migrated_dir: Path) -> Iterator[ChatApp]:
    folder = Path(tempfile.mkdtemp(prefix="dw-chat-"))
    with chat_app(folder, migrated_dir) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def person(world: ChatApp, browser: Browser) -> Iterator[BrowserContext]:
    world.upstream.reset()
    context = world.context(browser, viewport={"width": 1280, "height": 800})
    yield context
    context.close()
    world.upstream.assert_used()


@pytest.fixture
def chat(world: ChatApp, person: BrowserContext) -> Chat:
    return Chat(person.new_page(), world.app.url)


def tab(world: ChatApp, person: BrowserContext, url: str) -> Chat:
    other = Chat(person.new_page(), world.app.url)
    other.page.goto(url)
    return other


def held(said: str, after: int = 12, **more: Any) -> Any:
    """An answer that pauses until the upstream is told to release it."""
    return text(said, fault="hold", after=after, deltas=40, **more)


def plain(markdown: str) -> str:
    return " ".join(markdown.split())


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
    expect(chat.answer).to_contain_text("refused the request")
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


def test_the_transcript_speaks_sentences_once(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(
        text("The first sentence is **here**. The second follows! And the last", deltas=30, delay=0.02)
    )
    chat.open().say("Speak").ended()
    log = chat.page.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "off")
    spoken = chat.page.locator("[data-announce]")
    expect(spoken).to_contain_text("And the last", timeout=5_000)
    assert plain(spoken.inner_text()) == "The first sentence is here . The second follows! And the last"


def test_reader_who_scrolled_up_is_left_alone(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(held(LONG, after=30))
    chat.open().say("Go on")
    expect(chat.answer).to_contain_text("Paragraph 20")
    pane = chat.page.locator("[data-pane]")
    chat.answer.get_by_text("Paragraph 15 ").hover()
    chat.page.mouse.wheel(0, -400)
    newest = chat.page.get_by_role("button", name="Newest")
    expect(newest).to_be_visible()
    before = pane.evaluate("pane => pane.scrollTop")
    world.upstream.release()
    chat.ended()
    assert pane.evaluate("pane => pane.scrollTop") == before
    newest.click()
    expect(newest).to_be_hidden()
    assert pane.evaluate("pane => pane.scrollHeight - pane.scrollTop - pane.clientHeight") < 2


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


def test_phone_width(world: ChatApp, browser: Browser) -> None:
    world.upstream.reset()
    context = world.context(browser, viewport={"width": 390, "height": 844}, has_touch=True, color_scheme="dark")
    chat = Chat(context.new_page(), world.app.url)
    wide = (
        "| a | b | c | d | e | f |\n|---|---|---|---|---|---|\n"
        + "| wordwordword " * 6
        + "|\n\n```\n"
        + "x" * 200
        + "\n```"
    )
    world.upstream.queue(text(wide))
    chat.open().say("W" * 100).ended()
    assert chat.page.evaluate("document.documentElement.scrollWidth") == 390
    expect(chat.box).to_be_in_viewport()
    rail = chat.page.locator("#rail")
    expect(rail).to_be_hidden()
    chat.page.get_by_role("button", name="Conversations").click()
    expect(rail.get_by_role("link", name="New chat")).to_be_visible()
    chat.page.keyboard.press("Escape")
    expect(rail).to_be_hidden()
    context.close()


def test_signed_out_elsewhere_keeps_the_message(world: ChatApp, browser: Browser) -> None:
    context = world.context(browser)
    world.signed_in = None  # this session ends here
    chat = Chat(context.new_page(), world.app.url).open()
    chat.box.fill("not lost")
    other = context.new_page()
    other.goto(f"{world.app.url}/accounts/logout/")
    other.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(chat.page.get_by_role("alert")).to_contain_text("signed out", timeout=8_000)
    expect(chat.box).to_have_value("not lost")
    expect(chat.page.get_by_role("button", name="Send")).to_be_disabled()
    context.close()


def test_streaming_in_any_pieces_shows_what_the_whole_shows(chat: Chat) -> None:
    chat.open()
    differences = chat.page.evaluate(_ANY_PIECES, [*_DOCUMENTS])
    assert differences == []


def test_without_script_the_stored_answer_reads(world: ChatApp, browser: Browser, chat: Chat) -> None:
    world.upstream.queue(text("Plain **words**."))
    chat.open().say("Say").ended()
    context = world.context(browser, java_script_enabled=False)
    page: Page = context.new_page()
    page.goto(chat.page.url)
    expect(page.get_by_role("article", name="Assistant")).to_contain_text("Plain **words**.")
    context.close()


_DOCUMENTS = (
    "# Head\n\nSome *text* and **more** with `code` and [a link](https://example.com/x).\n\n",
    "- a\n- b\n  - c\n\n\n1. x\n\n2. y\n",
    "| a | b |\n|--:|---|\n| 1 | 2 |\n\nafter\n\n```python\ndef f():\n    return '```'\n```\n\n> quote\n> more\n\nend",
    "Money: $5 and $10. Maths: $x^2$ and\n\n$$\na\n\\over b\n$$\n\n\\[ c \\]\n\ntext\r\nwith\r\nreturns",
    "Use [one] and [two][1].\n\n---\n\nSetext\n===\n\n[one]: https://one.example\n\n[1]: https://two.example\n",
    "<b>bold?</b> and <br> line\n<div>\n\nx\n\n</div>\n\n    indented code\n\n~~~\nopen fence without an end",
)
# Cuts each text at pseudo-random places and lets frames pass in between; both must end in the same elements.
_ANY_PIECES = """async (documents) => {
  const { MarkdownView } = await import('/static/js/chat/markdown.js');
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const box = () => document.body.appendChild(Object.assign(document.createElement('div'), { className: 'md' }));
  const settled = (element) => element.innerHTML.replace(/<span class="md-math.*?<\\/span>/gs, 'MATHS');
  let seed = 7;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  const differences = [];
  for (const source of documents) {
    const whole = box();
    new MarkdownView(whole).set(source);
    for (let run = 0; run < 8; run += 1) {
      const pieces = box();
      const view = new MarkdownView(pieces);
      for (let at = 0; at < source.length; ) {
        const next = at + 1 + random(run < 4 ? 4 : 40);
        view.push(source.slice(at, next));
        at = next;
        if (random(2)) await frame();
      }
      view.finish();
      await frame();
      if (settled(pieces) !== settled(whole)) differences.push([settled(whole), settled(pieces)]);
      pieces.remove();
    }
    whole.remove();
  }
  return differences;
}"""
