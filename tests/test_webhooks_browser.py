"""Webhooks in a real browser, over the real app and its worker: a test's way is watched without a reload."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.infra.app import App
from tests.webhook_receiver import Receiver
from tests.workspace import Workspace, make_workspace

pytestmark = pytest.mark.e2e


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def workspace(start_app: Callable[..., App], receiver: Receiver) -> Workspace:
    app = start_app(TOOL_ALLOWED_HOSTS=receiver.host, DEMO="0")
    app.wait_ready()
    return make_workspace(app, "acme")


def test_a_test_is_sent_and_its_result_appears(workspace: Workspace, receiver: Receiver, context: BrowserContext):
    base = workspace.app.url
    context.add_cookies([{"name": "deny_web_session", "value": workspace.sign_in(), "url": base}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.goto(f"{base}/t/acme/console/webhooks/")
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_label(re.compile("A background response failed")).check()
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.get_by_role("heading", name="Copy the signing secret now")).to_be_visible()

    receiver.gate.clear()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("On its way", exact=True)).to_be_visible()
    receiver.gate.set()
    expect(page.get_by_text("Delivered", exact=True)).to_be_visible(timeout=15_000)
    expect(status(page)).to_contain_text("A test: Delivered. Answered 204")

    receiver.answers = [410]
    receiver.gate.clear()
    page.get_by_role("button", name="Send again").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("On its way", exact=True)).to_be_visible()
    receiver.gate.set()
    expect(page.get_by_text("Given up", exact=True)).to_be_visible(timeout=15_000)
    expect(status(page)).to_contain_text("Answered 410")
    page.reload()
    expect(page.get_by_text("This webhook is off")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def status(page: Page) -> Locator:
    """The line that is spoken."""
    return page.locator("[data-webhook-status]")
