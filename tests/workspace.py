"""A workspace in the running app: made by the commands that an operator uses, spoken to as clients do.

The clients are the real `openai` SDK and a plain WebSocket with a session cookie, as the browser has it.
"""

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urlsplit

from openai import OpenAI
from websockets.sync.client import connect
from websockets.sync.connection import Connection

OWNER_PASSWORD = "tidal marmot sings at dusk 7"
VAULT_PASSWORD = "copper lantern under nine stairs"
SECRET = "sk_live_Wq7Zt4mB9xKc2LpR8vNd5HsYjG3"
Json = dict[str, Any]


def tool(url: str, name: str = "get_invoice", **changes: Any) -> Json:
    """A tool file's entry for an API at `url`, with `{id}` in its path."""
    request = {"method": "GET", "url": f"{url}/v1/invoices/{{id}}", "timeout": 10, "idempotent": True}
    parameters = {
        "type": "object",
        "properties": {"id": {"type": "string"}},
        "required": ["id"],
        "additionalProperties": False,
    }
    return {
        "name": name,
        "description": "Look up an invoice",
        "parameters": parameters,
        "request": request | changes.pop("request", {}),
        "credential": {"label": "stripe-prod", "in": "bearer"},
        "result": "{id: id, status: status}",
        "approval": "auto",
        **changes,
    }


@dataclass
class Workspace:
    """One tenant of the running app."""

    app: Any
    slug: str
    key: str
    email: str
    unlocked: bool = False
    tools: str = ""
    cookie: str = ""
    clients: list[OpenAI] = field(default_factory=list)

    def manage(self, *args: str, stdin: str = "", **env: str) -> str:
        return str(self.app.manage(*args, stdin=stdin, env={"VAULT_PASSWORD": VAULT_PASSWORD, **env}).stdout)

    def use_upstream(self, url: str, model: str = "scripted") -> None:
        self.manage("provider", "set", self.slug, "--base-url", url, "--model", model, stdin="upstream-key\n")

    def put_secret(self, value: str = SECRET, label: str = "stripe-prod") -> None:
        self.manage("vault", "put", self.slug, label, stdin=value)

    def unlock(self) -> None:
        self.manage("vault", "unlock", self.slug)
        self.unlocked = True

    def lock(self) -> None:
        self.manage("vault", "lock", self.slug)
        self.unlocked = False

    def load_tools(self, *tools: Json) -> None:
        text = json.dumps(tools)
        if text == self.tools:
            return  # a command costs a start of Django
        path = self.app.data_dir / f"tools-{self.slug}.json"
        path.write_text(text)
        self.manage("tools", "load", self.slug, str(path))
        self.tools = text

    def client(self, **options: Any) -> Any:
        """The SDK as anybody would set it up; closed with the test. Untyped, so that tests can send plain objects."""
        made = OpenAI(api_key=self.key, base_url=f"{self.app.url}/v1", max_retries=0, timeout=60, **options)
        self.clients.append(made)
        return made

    def close(self) -> None:
        while self.clients:
            self.clients.pop().close()

    def sign_in(self) -> str:
        """The session cookie of the owner, got through the sign-in form, once."""
        if self.cookie:
            return self.cookie
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar := CookieJar()))
        page = opener.open(f"{self.app.url}/accounts/login/").read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, "the sign-in page has no CSRF token"
        form = {"login": self.email, "password": OWNER_PASSWORD, "csrfmiddlewaretoken": token[1]}
        request = urllib.request.Request(f"{self.app.url}/accounts/login/", urlencode(form).encode())
        request.add_header("Referer", self.app.url)
        opener.open(request)
        self.cookie = next(cookie.value or "" for cookie in jar if cookie.name == "deny_web_session")
        return self.cookie

    def add_webhook(self, url: str, *events: str) -> str:
        """A webhook added through the console; gives its signing secret."""
        page = f"{self.app.url}/t/{self.slug}/console/webhooks/"
        cookie = f"deny_web_session={self.sign_in()}"
        with urllib.request.urlopen(urllib.request.Request(page, headers={"Cookie": cookie})) as answer:
            cookie += "; " + answer.headers["Set-Cookie"].partition(";")[0]
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.read().decode())
        assert token
        form = [("csrfmiddlewaretoken", token[1]), ("url", url), *(("event_types", name) for name in events)]
        sent = urllib.request.Request(page, urlencode(form).encode(), {"Cookie": cookie, "Referer": page})
        with urllib.request.urlopen(sent) as answer:
            found = re.search(r"whsec_[\w+/=]+", answer.read().decode())
        assert found
        return found[0]

    @contextmanager
    def socket(self, cookie: str) -> Iterator["Socket"]:
        """The browser's socket."""
        address = f"ws://{urlsplit(self.app.url).netloc}/v1/responses?tenant={self.slug}"
        headers = {"Cookie": f"deny_web_session={cookie}"}
        with connect(address, additional_headers=headers, origin=self.app.url, max_size=None) as opened:
            yield Socket(opened)


class Socket:
    """The Responses protocol over a WebSocket, one event at a time."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def create(self, text: str, **more: Any) -> None:
        more.setdefault("deny_web:conversation", "new")
        self.send(type="response.create", input=text, **more)

    def follow(self, response_id: str, after: int) -> None:
        self.send(type="deny_web:follow", response_id=response_id, starting_after=after)

    def event(self, timeout: float = 40) -> Json:
        found: Json = json.loads(self.connection.recv(timeout=timeout))
        return found

    def events(self, timeout: float = 40) -> Iterator[Json]:
        """The response's events up to its ending; other frames are passed over, an error is raised."""
        while True:
            event = self.event(timeout)
            assert event["type"] != "error", event
            if event["type"].startswith("deny_web:") and event["type"] != "deny_web:gone":
                continue
            yield event
            if event["type"] in ENDINGS or event["type"] == "deny_web:gone":
                return


ENDINGS = {"response.completed", "response.incomplete", "response.failed"}


def make_workspace(app: Any, slug: str) -> Workspace:
    """A fresh workspace with its owner, by `create_tenant`."""
    email = f"{slug}-owner@example.com"
    made = json.loads(
        app.manage(
            *("create_tenant", slug.title(), "--slug", slug, "--owner", email, "--json"),
            env={"OWNER_PASSWORD": OWNER_PASSWORD, "VAULT_PASSWORD": VAULT_PASSWORD},
        ).stdout
    )
    return Workspace(app, slug, made["api_key"], email)
