"""What a person reads in the chat page: streamed in any pieces, spoken, on a phone, without script."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chat_page import LONG, Chat, ChatApp, held, plain
from tests.upstream import text

pytest_plugins = ["tests.chat_fixtures"]
pytestmark = pytest.mark.e2e


def test_the_transcript_speaks_sentences_once(world: ChatApp, chat: Chat) -> None:
    world.upstream.queue(
        text("The first sentence is **here**. The second follows! And the last", deltas=30, delay=0.02)
    )
    chat.open().say("Speak").ended()
    log = chat.page.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "off")
    spoken = chat.page.locator("[data-announce]")
    expect(spoken).to_contain_text("And the last")
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
