"""A person in front of a browser, with a mouse or with keys only, and what the browser had to say about it."""

import json
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, Locator, WebSocket, expect

from tests.infra.browser import PATIENCE

MOST_TABS = 80
# Notes where the address bar stands when the first delta arrives, before the page itself hears of it.
FIRST_DELTA = """
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', ({ data }) => {
      if (JSON.parse(data).type.endsWith('.delta')) window.atFirstDelta ??= location.pathname;
    });
  }
};
"""


@dataclass
class Person:
    """One tab. `keys_only` never touches the mouse; `complaints` and `frames` are what the browser logged and got."""

    context: BrowserContext
    base: str
    keys_only: bool = False
    complaints: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(FIRST_DELTA)
        self.context.on("console", lambda line: self._complain(line.type, line.text))
        self.context.on("weberror", lambda error: self._complain("error", str(error.error)))
        self.page = self.context.new_page()
        self.page.on("websocket", self._listen)

    def _complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self.frames.append(str(frame)))

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def press(self, role: str, name: str, within: Locator | None = None) -> None:
        """Use a button, a link or a radio."""
        target = (within or self.page).get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
        if not self.keys_only:
            target.click()
            return
        self._walk_to(target)
        self.page.keyboard.press("Enter")

    def open_menu(self, words: str) -> None:
        """Open the menu whose button has these words."""
        target = self.page.locator("summary:visible").filter(has_text=words)
        if not self.keys_only:
            target.click()
            return
        self._walk_to(target)
        self.page.keyboard.press("Enter")

    def fill(self, label: str, text: str, within: Locator | None = None) -> None:
        """Type over what stands in a field."""
        target = (within or self.page).get_by_label(label, exact=True)
        if not self.keys_only:
            target.fill(text)
            return
        self._walk_to(target)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)

    def send(self, text: str) -> None:
        self.fill("Message", text)
        if self.keys_only:
            self.page.keyboard.press("Enter")
        else:
            self.press("button", "Send")

    @property
    def answer(self) -> Locator:
        return self.page.get_by_role("article", name="Assistant").last

    @property
    def card(self) -> Locator:
        """The newest tool call."""
        return self.answer.get_by_role("group", name="Tool call").last

    @property
    def unlock_dialog(self) -> Locator:
        return self.page.get_by_role("dialog", name="Unlock the vault")

    def unlock(self, password: str) -> None:
        """In the dialog that is open."""
        self.fill("Vault password", password, within=self.unlock_dialog)
        self.press("button", "Unlock", within=self.unlock_dialog)
        expect(self.unlock_dialog).to_be_hidden()

    def ended(self, status: str = "completed") -> None:
        expect(self.answer).to_have_attribute("data-status", status)

    def words(self) -> str:
        """The newest answer's text without its cards, blanks made even."""
        return " ".join(" ".join(self.answer.locator("[data-markdown]").all_inner_texts()).split())

    def events(self) -> list[str]:
        """The types of what came over the socket."""
        return [json.loads(frame)["type"] for frame in self.frames]

    def fits(self) -> bool:
        """Whether nothing sticks out of the window to the right."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    def _walk_to(self, target: Locator) -> None:
        expect(target).to_be_visible()
        for _ in range(MOST_TABS):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {target}")
