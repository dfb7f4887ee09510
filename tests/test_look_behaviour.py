"""What the small scripts add to pages, in a real browser under the real Content-Security-Policy."""

import mimetypes
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.template import engines
from playwright.sync_api import Page, Request, Route, expect

from deny_web import csp
from tenants.strength import WeakPassword, check

ROOT = Path(__file__).parent.parent
ORIGIN = "http://localhost:1"  # nothing listens there; a secure context, so that the clipboard works
BODY = """{% extends "console/base.html" %}{% block page_title %}Parts{% endblock %}{% block page %}
  {% include "components/seam.html" with name="get_invoice" state="running" arguments=hostile host="api.example.com" method="GET" path="/v1/x" credential="stripe-prod" %}
  {% include "components/code.html" with text="dw_secret" secret=True line=True label="the key" %}
  {% include "components/theme.html" %}
  <details class="menu"><summary>Acts</summary><div class="menu-list"><a class="menu-item" href="#a">First</a><a class="menu-item" href="#b">Second</a></div></details>
  <form class="form" method="post" action="/sent/">
    <div class="field"><label for="id_label">Label</label><input id="id_label" value="stripe-prod"></div>
    <div class="field"><label for="id_new">Vault password</label><input id="id_new" type="password" data-strength="id_label" name="new"></div>
    <button class="button button-primary">Save</button>
  </form>
  {% include "components/confirm.html" with id="end" url="/end/" title="Delete acme?" text="All of it goes." action="Delete acme" word="acme" %}
{% endblock %}"""  # noqa: E501 - one line a component
HOSTILE = '<img src="https://evil.example/x.png" onerror="document.title=1"><script>document.title=2</script>'


class Visit:
    """A page that is served from the templates and static files of this checkout, with what it asked for and said."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.sent: list[Request] = []
        self.complaints: list[str] = []
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route("**/*", self._answer)

    def _answer(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        self.asked.append(route.request.url)
        if url.path.startswith("/static/"):
            file = ROOT / url.path[1:]
            route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0] or "font/woff2")
            return
        if route.request.method == "POST":
            self.sent.append(route.request)
            route.fulfill(status=204)  # no content: the page stays
            return
        html = (
            engines["django"].from_string(BODY).render({"hostile": HOSTILE, "tenant": {"name": "Acme", "slug": "acme"}})
        )
        route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": csp.HEADER})


@pytest.fixture
def visit(page: Page) -> Visit:
    made = Visit(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=ORIGIN)
    page.clock.install()
    page.goto(f"{ORIGIN}/")
    return made


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_page_asks_for_nothing_inline_or_foreign_and_hostile_text_stays_text(visit: Visit) -> None:
    visit.page.evaluate(
        """async (text) => {
          const { createSeam } = await import("/static/js/seam.js");
          const seam = createSeam({ name: text, state: "done", result: text, reason: text, credential: text });
          document.querySelector(".page").append(seam);
        }""",
        HOSTILE,
    )
    assert visit.complaints == []
    assert {urlsplit(url).netloc for url in visit.asked} == {"localhost:1"}
    assert visit.page.locator(".seam img, .seam script").count() == 0
    assert visit.page.title() == "Parts · Acme"


def test_the_cursor_stands_in_the_refused_field(visit: Visit) -> None:
    refused, focused = (
        visit.page.evaluate(
            """async (refused) => {
              document.querySelector("#id_label").toggleAttribute("aria-invalid", false);
              if (refused) document.querySelector("#id_label").setAttribute("aria-invalid", "true");
              document.activeElement.blur();
              await import(`/static/js/focus.js?${refused}`);
              return document.activeElement.id;
            }""",
            refused,
        )
        for refused in (True, False)
    )
    assert (refused, focused) == ("id_label", ""), "without a refusal a page that is more than a form moves nothing"


def test_the_drawer_takes_the_focus_and_gives_it_back(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 800})
    button, drawer = visit.page.locator("[data-drawer]"), visit.page.locator("#rail")
    expect(drawer).to_be_hidden()
    button.click()
    expect(drawer).to_be_visible()
    assert drawer.evaluate("drawer => drawer.contains(document.activeElement)")
    visit.page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(button).to_be_focused()


def test_a_copied_secret_leaves_the_clipboard_after_a_minute_and_the_page_says_so(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Copy the key").click()
    expect(visit.page.get_by_role("status")).to_contain_text("cleared in a minute")
    assert clipboard(visit.page) == "dw_secret"
    visit.page.clock.run_for(59_000)
    assert clipboard(visit.page) == "dw_secret"
    visit.page.clock.run_for(2_000)
    expect(visit.page.get_by_role("status")).to_contain_text("The clipboard is cleared.")
    assert clipboard(visit.page) == ""


def test_what_was_copied_in_the_meantime_is_left_alone(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Copy the key").click()
    expect(visit.page.get_by_role("status")).to_contain_text("Copied")
    visit.page.evaluate("navigator.clipboard.writeText('mine')")
    visit.page.clock.run_for(61_000)
    visit.page.wait_for_timeout(100)
    assert clipboard(visit.page) == "mine"


@pytest.mark.parametrize("password", ["stripe-prod1", "Passw0rd!", "plover anvil tectonic mustard"])
def test_the_meter_agrees_with_the_gate(visit: Visit, password: str) -> None:
    def passes() -> bool:
        try:
            check(password, ["stripe-prod"])
        except WeakPassword:
            return False
        return True

    assert not any(url.endswith("zxcvbn.js") for url in visit.asked)
    visit.page.get_by_label("Vault password").fill(password)
    meter = visit.page.locator(".strength[data-score]")
    meter.wait_for()
    assert (int(meter.get_attribute("data-score") or -1) >= 3) == passes()


def test_a_password_shows_itself_on_demand_and_hides_before_it_is_sent(visit: Visit) -> None:
    field = visit.page.get_by_label("Vault password")
    field.fill("plover anvil tectonic mustard")
    visit.page.get_by_role("button", name="Show").click()
    expect(field).to_have_attribute("type", "text")
    visit.page.get_by_role("button", name="Save").click()
    expect(field).to_have_attribute("type", "password")


def test_an_impatient_second_click_sends_nothing_more(visit: Visit) -> None:
    save = visit.page.get_by_role("button", name="Save")
    for _ in range(3):
        save.dispatch_event("click")
    visit.page.wait_for_timeout(200)
    assert len(visit.sent) == 1


def test_the_chosen_scheme_applies_at_once_and_is_kept(visit: Visit) -> None:
    visit.page.locator("main").get_by_role("button", name="Dark").click()
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert visit.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    kept = {cookie["name"]: cookie for cookie in visit.page.context.cookies()}["theme"]
    assert (kept["value"], kept["sameSite"]) == ("dark", "Lax")


def test_a_menu_closes_on_escape_and_gives_the_focus_back(visit: Visit) -> None:
    summary = visit.page.locator("main summary", has_text="Acts")
    summary.click()
    visit.page.keyboard.press("ArrowDown")
    expect(visit.page.get_by_role("link", name="First")).to_be_focused()
    visit.page.keyboard.press("Escape")
    expect(visit.page.get_by_role("link", name="First")).to_be_hidden()
    expect(summary).to_be_focused()


def test_a_dangerous_act_waits_for_its_word(visit: Visit) -> None:
    visit.page.get_by_role("link", name="Delete acme").click()
    go = visit.page.get_by_role("dialog").get_by_role("button", name="Delete acme")
    expect(go).to_be_disabled()
    visit.page.get_by_label("Type acme to go on").fill("acme")
    expect(go).to_be_enabled()
    visit.page.get_by_role("button", name="Keep it").click()
    expect(visit.page.get_by_role("dialog")).to_be_hidden()
    assert visit.sent == []


def test_on_a_phone_nothing_is_cut_and_the_navigation_is_a_drawer(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 844})
    assert not visit.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    chat = visit.page.locator("#rail").get_by_role("link", name="Chat")
    expect(chat).to_be_hidden()
    visit.page.get_by_role("button", name="Navigation").click()
    expect(chat).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(chat).to_be_hidden()
    expect(visit.page.get_by_role("button", name="Navigation")).to_be_focused()
