"""Kinds and look-alikes in a browser: said, suggested and put into the field without a request."""

import mimetypes
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.template import engines
from playwright.sync_api import Page, Route, expect

from deny_web import csp
from vault import kinds, lookalikes
from vault.pages.forms import AddForm

ROOT = Path(__file__).parent.parent
ORIGIN = "http://localhost:1"  # nothing listens there


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def shown(page: Page, asked: list[str]) -> Callable[[], Page]:
    """The page that adds a value, in a browser under the real Content-Security-Policy; no server behind it."""
    context = {"form": AddForm(), "lookalikes": lookalikes.fresh(), "tenant": {"name": "Acme", "slug": "acme"}}
    html = engines["django"].get_template("vault/add.html").render(context)

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/static/"):
            file = ROOT / path[1:]
            route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0] or "font/woff2")
        else:
            asked.append(path)
            route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": csp.HEADER})

    page.route("**/*", answer)

    def go() -> Page:
        page.goto(f"{ORIGIN}/")
        page.get_by_text("Make a look-alike").click()
        return page

    return go


def test_the_kind_of_a_typed_value_is_said_and_suggested_without_a_request(
    shown: Callable[[], Page], asked: list[str]
) -> None:
    page = shown()
    field, choice = page.get_by_label("Value"), page.get_by_label("Kind of look-alike")
    for value, said, kind in (
        ("AKIA" + "IOSFODNN7EXAMPLE", "This looks like an AWS access key id.", "aws-access-key"),
        (lookalikes.make("jwt-token"), "This looks like a JSON web token.", "jwt-token"),
        (lookalikes.make("github-pat-classic"), "This looks like a GitHub token.", "github-pat-classic"),
    ):
        field.fill(value)
        expect(page.get_by_text(said)).to_be_visible()
        expect(choice).to_have_value(kind)
    field.fill("just some words")
    expect(page.get_by_text("This looks like")).to_have_count(0)
    assert asked == ["/"]


def test_every_look_alike_is_known_to_the_browser_too(shown: Callable[[], Page]) -> None:
    page = shown()
    field = page.get_by_label("Value")
    for slug, kind in lookalikes.CATALOGUE.items():
        if kind.shape:
            field.fill(lookalikes.make(slug))
            assert field.get_attribute("data-kind") == kind.shape


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("stripe-prod", "stripe-live-key"),
        ("Stripe test", "stripe-test-key"),
        ("billing-db", "postgres-uri"),
        ("slack_bot", "slack-bot-token"),
        ("gh-deploy", "github-pat-classic"),
        ("api key", "stripe-live-key"),  # says nothing: the first stays
    ],
)
def test_a_label_suggests_a_kind(shown: Callable[[], Page], label: str, kind: str) -> None:
    page = shown()
    page.get_by_label("Label").fill(label)
    expect(page.get_by_label("Kind of look-alike")).to_have_value(kind)


def test_one_is_put_into_the_field(shown: Callable[[], Page], asked: list[str]) -> None:
    page = shown()
    page.get_by_label("Kind of look-alike").select_option("OpenAI key")
    page.get_by_label("Label").fill("stripe-prod")  # what was chosen stands
    page.get_by_role("button", name="Put it into the field").click()
    found = kinds.suggest(page.get_by_label("Value").input_value())
    assert found
    assert found.slug == "openai-key"
    expect(page.get_by_text("The field holds a look-alike now: OpenAI key.")).to_be_visible()
    assert asked == ["/"]
