"""The chat page of one running app, for the files that leave it as it was. They name this in `pytest_plugins`."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.chat_page import Chat, ChatApp, chat_app


@pytest.fixture(scope="session")
def world(migrated_dir: Path) -> Iterator[ChatApp]:
    folder = Path(tempfile.mkdtemp(prefix="dw-chat-"))
    with chat_app(folder, migrated_dir) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def person(world: ChatApp, browser: Browser) -> Iterator[BrowserContext]:
    """Alice's browser; the upstream is empty, and its script has to be used."""
    world.upstream.reset()
    world.api.requests.clear()
    context = world.context(browser, viewport={"width": 1280, "height": 800})
    yield context
    context.close()
    world.upstream.assert_used()


@pytest.fixture
def chat(world: ChatApp, person: BrowserContext) -> Chat:
    return Chat(person.new_page(), world.app.url)
