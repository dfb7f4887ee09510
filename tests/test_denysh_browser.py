"""A deny.sh item that is made in the console is sealed in the browser: neither value nor password leaves it."""

import mimetypes
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.template import engines
from playwright.sync_api import Page, Route, expect

from deny_web import csp
from tests.denysh_cast import PASSWORD
from vault.denysh import sealing
from vault.denysh.sealing import Sealed
from vault.pages.denysh import ItemForm

ROOT = Path(__file__).parent.parent
SECRET = "sk_live_planted_51Hq8Zx ünïcode ☃ 🦉\nand a second line"
SECURE, PLAIN = "http://localhost:1", "http://deny-web.test"  # nothing listens there; the second is no secure context


@pytest.fixture
def sent() -> list[str]:
    """The bodies of what the page sent."""
    return []


@pytest.fixture
def shown(page: Page, sent: list[str]) -> Callable[[str], Page]:
    html = engines["django"].get_template("vault/denysh_add.html").render({
        "form": ItemForm(), "tenant": {"name": "Acme", "slug": "acme"}
    })  # fmt: skip

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        headers = {"Content-Security-Policy": csp.HEADER}
        if path.startswith("/static/"):
            file = ROOT / path[1:]
            content_type = mimetypes.guess_type(file.name)[0] or "font/woff2"
            route.fulfill(body=file.read_bytes(), content_type=content_type, headers=headers)
            return
        if route.request.method == "POST":
            sent.append(route.request.post_data or "")
        route.fulfill(body=html, content_type="text/html", headers=headers)

    page.context.route("**/*", answer)

    def go(origin: str) -> Page:
        page.goto(f"{origin}/")
        return page

    return go


def fill(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("Label").fill("stripe-prod")
    page.get_by_label("Value").fill(SECRET + "\n")
    page.get_by_label("Password for this item").fill(password)


def test_what_is_sent_opens_with_the_password_and_holds_neither(shown: Callable[[str], Page], sent: list[str]) -> None:
    page = shown(SECURE)
    expect(page.get_by_text("Sealed in this browser")).to_be_visible()
    expect(page.get_by_text("This server seals it")).to_be_hidden()
    fill(page)
    with page.expect_response(lambda answer: answer.request.method == "POST", timeout=60_000):
        page.get_by_role("button", name="Seal and keep").click()
        expect(page.get_by_text("Deriving the key")).to_be_visible()
    fields = {name: values[0] for name, values in parse_qs(sent[0]).items()}
    assert fields.keys() == {"label", "sealed"}
    item = Sealed.unpack(bytes.fromhex(fields["sealed"]))
    assert sealing.open_sealed(item, PASSWORD) == SECRET.encode()
    assert len(item.data) == len(SECRET.encode())
    form = ItemForm(fields)
    assert form.is_valid()
    assert form.cleaned_data["sealed"] == item


def test_a_weak_password_seals_nothing(shown: Callable[[str], Page], sent: list[str]) -> None:
    page = shown(SECURE)
    fill(page, "password1")
    expect(page.get_by_text("Very easy to guess")).to_be_visible()
    page.get_by_role("button", name="Seal and keep").click()
    expect(page.get_by_text("This password is too easy to guess.")).to_be_visible()
    assert not sent


def test_a_browser_that_cannot_says_so_and_lets_the_server_seal(shown: Callable[[str], Page], sent: list[str]) -> None:
    page = shown(PLAIN)
    assert not page.evaluate("isSecureContext")
    expect(page.get_by_text("This server seals it")).to_be_visible()
    expect(page.get_by_text("Sealed in this browser")).to_be_hidden()
    fill(page)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Seal and keep").click()
    fields = parse_qs(sent[0])
    assert fields["password"] == [PASSWORD]
    assert "sealed" not in fields
