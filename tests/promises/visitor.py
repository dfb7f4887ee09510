"""Plain HTTP with raw answers: a person's pages with cookies and CSRF token, or any request byte for byte."""

import http.client
import re
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.infra.app import App

_VARYING = {"date", "set-cookie"}
_wires: list["Wire"] = []


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def raw(self) -> bytes:
        """Everything, as it could be searched or compared, but the time of day and fresh cookies."""
        kept = [f"{key}: {value}" for key, value in self.headers if key not in _VARYING]
        return "\n".join([str(self.status), *kept, ""]).encode() + self.body


class Wire:
    """One connection that stays open, as long as the server leaves it."""

    def __init__(self, app: App) -> None:
        self.address = urlsplit(app.url).netloc
        self._connection = http.client.HTTPConnection(self.address, timeout=40)
        _wires.append(self)

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
        try:
            return self._ask(method, target, headers or {}, body)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()  # the server closed it meanwhile
            return self._ask(method, target, headers or {}, body)

    def _ask(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        self._connection.request(method, target, body, headers)
        answer = self._connection.getresponse()
        return Answer(answer.status, tuple((k.lower(), v) for k, v in answer.getheaders()), answer.read())

    def close(self) -> None:
        self._connection.close()


class Visitor:
    """A person with a browser's cookies and without its script. Keeps every answer that it got."""

    def __init__(self, app: App) -> None:
        self._wire, self._app = Wire(app), app
        self.cookies: dict[str, str] = {}
        self.answers: list[tuple[str, Answer]] = []

    @property
    def session(self) -> str:
        return self.cookies.get("deny_web_session", "")

    def get(self, path: str) -> Answer:
        return self._keep(f"GET {path}", self._wire.ask("GET", path, self._headers()))

    def post(self, path: str, **fields: Any) -> Answer:
        """Send a form, with the CSRF token as a page would carry it."""
        if "csrftoken" not in self.cookies:
            self.get("/accounts/login/")
        form = urlencode({"csrfmiddlewaretoken": self.cookies["csrftoken"], **fields}).encode()
        headers = self._headers() | {
            "Content-Type": "application/x-www-form-urlencoded",
            "Referer": self._app.url + path,
        }
        return self._keep(f"POST {path}", self._wire.ask("POST", path, headers, form))

    def sign_in(self, email: str, password: str) -> "Visitor":
        answer = self.post("/accounts/login/", login=email, password=password)
        assert answer.status == 302, answer.body.decode()
        return self

    def sign_up(self, email: str, password: str) -> "Visitor":
        answer = self.post("/accounts/signup/", email=email, password1=password)
        assert answer.status == 302, answer.body.decode()
        return self

    def found(self, pattern: str, answer: Answer) -> str:
        """The one group of `pattern` on a page."""
        match = re.search(pattern, answer.body.decode())
        assert match, f"no {pattern} on the page, status {answer.status}"
        return match[1]

    def _headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}

    def _keep(self, what: str, answer: Answer) -> Answer:
        for name, value in answer.headers:
            if name == "set-cookie":
                for morsel in SimpleCookie(value).values():
                    self.cookies[morsel.key] = morsel.value
        self.answers.append((what, answer))
        return answer

    def close(self) -> None:
        self._wire.close()


def close_all() -> None:
    """Close every connection that a test left open."""
    while _wires:
        _wires.pop().close()
