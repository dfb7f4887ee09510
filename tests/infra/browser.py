"""A real browser: the machine's own Chromium, driven by Playwright.

One for each file of tests: Playwright's synchronous half keeps an event loop running on the main thread for as long as
it lives, and an asynchronous test cannot run beside it.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

PATIENCE = 30_000  # ms: what comes through several processes takes its time on a busy machine
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

expect.set_options(timeout=PATIENCE)


def executable() -> str | None:
    """The path of a Chromium on this machine, if there is one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.fixturenames:  # type: ignore[attr-defined]
            item.add_marker("e2e")


@pytest.fixture(scope="module")
def playwright_driver() -> Iterator[Playwright]:
    if executable() is None:
        pytest.skip("no browser (chromium) on this machine")
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright_driver: Playwright) -> Iterator[Browser]:
    """One Chromium for a file of tests; take a `page`, or a context of your own for a second person."""
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox does not start for root
    chromium = playwright_driver.chromium.launch(executable_path=executable(), args=flags)
    yield chromium
    chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of the test's own: no cookies, nothing cached."""
    made = browser.new_context()
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty tab."""
    return context.new_page()
