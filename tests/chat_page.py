"""The chat page in a real browser, over the real app, a scripted upstream and a loopback API for its tools."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests import tool_api
from tests.infra import app as running_app
from tests.infra.app import App
from tests.infra.browser import PATIENCE
from tests.tool_api import ToolApi
from tests.upstream import Upstream, running, text

OWNER = "alice@example.com"
OWNER_PASSWORD = "granite teapot 41 sails"
VAULT_PASSWORD = "seven brass owls at dawn"
CREDENTIAL = "sk_live_planted_9fQx27LmTzB4"
LONG = "\n\n".join(f"Paragraph {n} has a few plain words in it." for n in range(40))


@dataclass
class ChatApp:
    """One app with the workspace `acme`, the tool `get_invoice` and a credential for it; the vault starts locked."""

    app: App
    upstream: Upstream
    api: ToolApi
    signed_in: Any = field(default=None, repr=False)

    def context(self, browser: Browser, **options: Any) -> BrowserContext:
        """A profile in which Alice is signed in."""
        if self.signed_in is None:
            first = browser.new_context()
            page = first.new_page()
            page.goto(f"{self.app.url}/accounts/login/")
            page.get_by_label("Email").fill(OWNER)
            page.get_by_label("Password").first.fill(OWNER_PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(lambda url: "/accounts/login/" not in url)
            self.signed_in = first.storage_state()
            first.close()
        made = browser.new_context(storage_state=self.signed_in, **options)
        made.set_default_timeout(PATIENCE)
        return made

    def unlock(self) -> None:
        self.app.manage("vault", "unlock", "acme", env={"VAULT_PASSWORD": VAULT_PASSWORD})

    def lock(self) -> None:
        self.app.manage("vault", "lock", "acme")


@dataclass
class Chat:
    """One tab with the chat in it."""

    page: Page
    base: str

    def open(self, path: str = "/t/acme/chat/") -> "Chat":
        self.page.goto(self.base + path)
        return self

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    @property
    def answer(self) -> Locator:
        return self.page.get_by_role("article", name="Assistant").last

    @property
    def articles(self) -> Locator:
        return self.page.get_by_role("article")

    def say(self, words: str) -> "Chat":
        self.box.fill(words)
        self.box.press("Enter")
        return self

    def ended(self, status: str = "completed") -> "Chat":
        """Wait until the newest answer has ended so."""
        expect(self.answer).to_have_attribute("data-status", status)
        return self

    def message(self) -> str:
        """The newest answer's words, blanks made even."""
        return plain(" ".join(self.answer.locator("[data-markdown]").all_inner_texts()))


def held(said: str, after: int = 12, **more: Any) -> Any:
    """An answer that pauses until the upstream is told to release it."""
    return text(said, fault="hold", after=after, deltas=40, **more)


def plain(markdown: str) -> str:
    return " ".join(markdown.split())


@contextmanager
def chat_app(folder: Path, migrated_dir: Path) -> Iterator[ChatApp]:
    """Start everything; `folder` must be short, since sockets are in it."""
    shutil.copytree(migrated_dir, folder / "data")
    with running() as upstream, tool_api.running() as api:
        env = {
            "OPENAI_BASE_URL": upstream.url,
            "OPENAI_API_KEY": "upstream-key",
            "OPENAI_MODEL": "scripted",
            "TOOL_ALLOWED_HOSTS": api.host,
        }
        app = running_app.start(folder / "data", folder / "log", env)
        try:
            app.wait_ready()
            _furnish(app, api, folder)
            yield ChatApp(app, upstream, api)
        finally:
            running_app.end(app)


def _furnish(app: App, api: ToolApi, folder: Path) -> None:
    passwords = {"OWNER_PASSWORD": OWNER_PASSWORD, "VAULT_PASSWORD": VAULT_PASSWORD}
    app.manage("create_tenant", "Acme", "--slug", "acme", "--owner", OWNER, env=passwords)
    app.manage("vault", "put", "acme", "stripe-prod", stdin=CREDENTIAL, env=passwords)
    file = folder / "tools.json"
    file.write_text(json.dumps([tool_api.tool(api.url + "/v1/invoices/{id}")]))
    app.manage("tools", "load", "acme", str(file))
