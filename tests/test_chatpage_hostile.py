"""Whatever a model, a tool or a title says: no script runs, and no request leaves the page without a click.

The browser's own defence, the Content-Security-Policy, is switched off in most of these, so that the sanitiser stands
alone; `canary` is the server that every attack tries to reach.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, Request, expect

from tests import tool_api
from tests.chat_page import Chat, ChatApp, chat_app
from tests.infra.browser import PATIENCE
from tests.tool_api import ToolApi, reply
from tests.upstream import calls, refusal, text, thinking

pytestmark = pytest.mark.e2e

# Attacks, parted by lines of "%%". CANARY is the address of a server that must hear nothing; PWN is script that would
# show that it ran.
CORPUS = (
    (Path(__file__).parent / "vectors" / "hostile_markdown.txt").read_text("utf-8").removesuffix("\n").split("\n%%\n")
)
ALLOWED = frozenset(
    (
        *("A", "ARTICLE", "BLOCKQUOTE", "BR", "BUTTON", "CODE", "DEL", "DETAILS", "DIV", "EM", "H1", "H2", "H3", "H4"),
        *("H5", "H6", "HEADER", "HR", "LI", "OL", "P", "PRE", "SECTION", "SPAN", "STRONG", "SUMMARY", "TABLE", "TBODY"),
        *("TD", "TH", "THEAD", "TR", "UL", "svg", "use"),
    )
)
_TOUCH = """root => {
  for (const element of root.querySelectorAll('*')) {
    for (const name of ['mouseover', 'mouseenter', 'focus', 'toggle', 'load', 'error']) {
      element.dispatchEvent(new Event(name));
    }
  }
}"""
_FACTS = """root => {
  const all = [...root.querySelectorAll('*')];
  return {
    tags: [...new Set(all.filter((e) => !e.closest('math')).map((e) => e.tagName))],
    handlers: all.flatMap((e) => e.getAttributeNames().filter((name) => name.startsWith('on'))),
    styles: all.filter((e) => e.hasAttribute('style')).length,
    ids: all.filter((e) => e.id || e.hasAttribute('name')).length,
    sources: all.flatMap((e) => ['src', 'srcset', 'poster', 'data', 'action', 'formaction', 'background', 'ping']
      .filter((name) => e.hasAttribute(name))),
    uses: all.filter((e) => e.tagName === 'use').map((e) => e.getAttribute('href')),
    links: [...root.querySelectorAll('a[href]')].map((a) => [a.href, a.rel, a.target]),
    cards: root.querySelectorAll('.md .seam, .md button:not(.md-code-head button)').length,
  };
}"""


@pytest.fixture(scope="module")
def world(migrated_dir: Path) -> Iterator[ChatApp]:
    folder = Path(tempfile.mkdtemp(prefix="dw-chat-"))
    with chat_app(folder, migrated_dir) as made:
        made.unlock()
        yield made
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def canary() -> Iterator[ToolApi]:
    with tool_api.running() as server:
        yield server


@pytest.fixture
def defenceless(world: ChatApp, browser: Browser) -> Iterator[BrowserContext]:
    """Alice's browser with the Content-Security-Policy switched off."""
    world.upstream.reset()
    context = world.context(browser, bypass_csp=True)
    yield context
    context.close()


def armed(source: str, canary: ToolApi) -> str:
    return source.replace("CANARY", canary.url).replace("PWN", "window.pwned=1;fetch(`" + canary.url + "/pwned`)")


def watched(context: BrowserContext, world: ChatApp) -> tuple[Page, list[str]]:
    """A tab, and what it did that it must not: requests elsewhere, dialogs, new tabs."""
    page = context.new_page()
    sins: list[str] = []

    def requested(request: Request) -> None:
        if not _own(request.url, world):
            sins.append(request.url)

    def asked(dialog: Dialog) -> None:
        sins.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def opened(other: Page) -> None:
        sins.append(f"popup {other.url}")

    context.on("request", requested)
    page.on("dialog", asked)
    page.on("popup", opened)
    return page, sins


def _own(url: str, world: ChatApp) -> bool:
    return url.startswith((world.app.url, world.app.url.replace("http", "ws")))


def assert_harmless(page: Page, root: Locator, sins: list[str], canary: ToolApi) -> None:
    root.evaluate(_TOUCH)
    page.wait_for_timeout(300)
    facts: dict[str, Any] = root.evaluate(_FACTS)
    assert set(facts["tags"]) <= ALLOWED
    assert facts["handlers"] == facts["sources"] == []
    assert facts["styles"] == facts["ids"] == facts["cards"] == 0
    assert all(use.startswith("/static/vendor/lucide.svg#") for use in facts["uses"])
    for href, rel, target in facts["links"]:
        assert re.match(r"https?://|mailto:", href), href
        assert not href.startswith(page.url.split("/t/")[0]), f"a link of the model's into the app: {href}"
        assert rel == "noopener noreferrer nofollow"
        assert target == "_blank"
    assert page.evaluate("window.pwned") is None
    assert sins == []
    assert canary.requests == []


def test_the_canary_would_hear_an_attack(world: ChatApp, defenceless: BrowserContext, canary: ToolApi) -> None:
    """Control: unsanitised, the corpus does run script and does send requests, and this file's watch notices."""
    page, sins = watched(defenceless, world)
    page.goto(f"{world.app.url}/accounts/logout/")
    # Those that lead the page away come last: they would take the others with them, sometimes before these are heard.
    leading_away = [one for one in CORPUS if "refresh" in one]
    for attacks, heard in ([one for one in CORPUS if one not in leading_away], "/pwned"), (leading_away, "/refresh"):
        html = "".join(armed(one, canary) for one in attacks)
        page.evaluate("html => { document.body.innerHTML = html }", html)
        for _ in range(PATIENCE // 50):
            page.wait_for_timeout(50)
            targets = {seen.target for seen in canary.requests}
            if heard in targets and min(len(targets), len(sins)) > 10:
                break
        assert heard in targets
    assert len(targets) > 10
    assert len(sins) > 10


@pytest.mark.parametrize("pieces", [1, 40])
def test_what_the_model_writes(world: ChatApp, defenceless: BrowserContext, canary: ToolApi, pieces: int) -> None:
    hostile = [armed(one, canary) for one in CORPUS]
    page, sins = watched(defenceless, world)
    chat = Chat(page, world.app.url).open()
    for start in range(0, len(hostile), 8):
        world.upstream.queue(text("\n\n---\n\n".join(hostile[start : start + 8]), deltas=pieces, delay=0.002))
        chat.say("Attack").ended()
    assert_harmless(page, page.get_by_role("log"), sins, canary)
    page.reload()
    expect(page.locator(".md.is-rendered").last).to_be_visible()
    assert_harmless(page, page.get_by_role("log"), sins, canary)


def test_what_a_tool_answers_and_what_it_was_asked(
    world: ChatApp, defenceless: BrowserContext, canary: ToolApi
) -> None:
    hostile = "".join(armed(one, canary) for one in CORPUS)
    world.api.handle("/v1/invoices/in_1", reply({"id": hostile, "note": {hostile: [hostile]}}))
    world.upstream.queue(
        calls(("get_invoice", {"id": "in_1"}), ("<img src=x onerror=1>", {"id": hostile})), text("Read.")
    )
    page, sins = watched(defenceless, world)
    chat = Chat(page, world.app.url).open()
    chat.say("Ask the tool").ended()
    for _ in range(2):
        assert_harmless(page, page.get_by_role("log"), sins, canary)
        expect(chat.answer.locator(".seam-result").first).to_contain_text("<script>")
        page.reload()


def test_what_it_thinks_and_how_it_declines(world: ChatApp, defenceless: BrowserContext, canary: ToolApi) -> None:
    hostile = "\n\n".join(armed(one, canary) for one in CORPUS)
    world.upstream.queue(thinking(hostile, then=refusal(hostile)))
    page, sins = watched(defenceless, world)
    chat = Chat(page, world.app.url).open()
    chat.say("Think").ended()
    for _ in range(2):
        page.get_by_text("Thinking").click()
        assert_harmless(page, page.get_by_role("log"), sins, canary)
        page.reload()


def test_what_a_person_says_is_text_and_so_is_the_title(
    world: ChatApp, defenceless: BrowserContext, canary: ToolApi
) -> None:
    page, sins = watched(defenceless, world)
    chat = Chat(page, world.app.url).open()
    hostile = armed("<img src=CANARY/title.png onerror=PWN><script>PWN</script>", canary)
    world.upstream.queue(text("Noted."))
    chat.say(hostile).ended()
    for _ in range(2):
        assert page.get_by_role("article", name="You").inner_text() == hostile
        assert hostile[:40] in page.locator("#rail").inner_text()
        assert_harmless(page, page.get_by_role("log"), sins, canary)
        assert page.locator("#rail img, .chat-head img, #rail script").count() == 0
        page.reload()


def test_the_policy_has_nothing_to_do(world: ChatApp, browser: Browser, canary: ToolApi) -> None:
    """With the policy on, it is never asked to step in, and it would, for script as for any other sink."""
    world.upstream.reset()
    context = world.context(browser)
    page, sins = watched(context, world)
    violations: list[str] = []

    def printed(message: ConsoleMessage) -> None:
        if message.type == "error":
            violations.append(message.text)

    page.on("console", printed)
    world.upstream.queue(text("\n\n---\n\n".join(armed(one, canary) for one in CORPUS), deltas=60))
    Chat(page, world.app.url).open().say("Attack").ended()
    assert_harmless(page, page.get_by_role("log"), sins, canary)
    assert violations == []
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b>x</b>')")
    context.close()


def test_a_link_shows_where_it_leads(world: ChatApp, defenceless: BrowserContext) -> None:
    look_alike = "\N{CYRILLIC SMALL LETTER ER}ay.example"
    world.upstream.queue(text(f"[https://bank.example](https://evil.example/x), [{look_alike}](https://{look_alike}/)"))
    chat = Chat(defenceless.new_page(), world.app.url).open()
    chat.say("Link").ended()
    assert chat.answer.locator(".md-host").all_inner_texts() == ["evil.example", "xn--ay-kmc.example"]


def test_a_picture_asks_for_a_click(world: ChatApp, defenceless: BrowserContext, canary: ToolApi) -> None:
    canary.handle("/p.png", reply(b"", headers={"Content-Type": "image/png"}))
    world.upstream.queue(text(f"![A chart]({canary.url}/p.png)"))
    chat = Chat(defenceless.new_page(), world.app.url).open()
    chat.say("Picture").ended()
    assert canary.requests == []
    with defenceless.expect_page():
        chat.answer.get_by_role("link", name="A chart").click()
    assert "referer" not in canary.wait_for(1)[0].headers


def test_a_bomb_of_maths_or_brackets_does_not_stop_the_page(world: ChatApp, defenceless: BrowserContext) -> None:
    bombs = [
        "$" + "{" * 4000 + "$",
        "[" * 4000,
        "> " * 2000 + "x",
        "*a " * 3000,
        "`" * 3000,
        "|" * 3000 + "\n" + "|-" * 3000,
    ]
    world.upstream.queue(text("\n\n".join(bombs) + "\n\nThe end.", deltas=20))
    chat = Chat(defenceless.new_page(), world.app.url).open()
    chat.say("Bomb").ended()
    expect(chat.answer).to_contain_text("The end.")
