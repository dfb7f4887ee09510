"""What the public Open Responses suite looks at: each object and each event against its schema, over HTTP and a socket.

The schema is that of `openresponses-types`, made from the specification's OpenAPI document.
"""

import inspect
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from openresponses_types import types
from pydantic import BaseModel
from websockets.sync.client import connect
from websockets.sync.connection import Connection

Json = dict[str, Any]
ENDINGS = ("response.completed", "response.incomplete", "response.failed")


def _events() -> dict[str, type[BaseModel]]:
    """The specification's models of events, by their `type`."""
    found: dict[str, type[BaseModel]] = {}
    for name, model in inspect.getmembers(types, inspect.isclass):
        if name.endswith("StreamingEvent") and issubclass(model, BaseModel):
            kinds: Any = model.model_fields["type"].annotation
            found.update({kind.value: model for kind in kinds})
    return found


EVENTS = _events()


def check_resource(given: Json) -> Json:
    """A response object as the specification has it."""
    types.ResponseResource.model_validate(given)
    return given


def check_event(given: Json, *, socket: bool = False) -> Json:
    """An event as the specification has it; an unknown type fails."""
    if socket and given["type"] == "error":
        types.WebSocketErrorEvent.model_validate(given)
    else:
        EVENTS[given["type"]].model_validate(given)
    if "response" in given:
        check_resource(given["response"])
    return given


@dataclass
class Told:
    """One turn's events, each checked; `final` is the ending's response, `error` an error event's code."""

    events: list[Json] = field(default_factory=list)
    final: Json | None = None
    error: str | None = None

    def take(self, event: Json, *, socket: bool = False) -> bool:
        """True once the turn is over."""
        self.events.append(check_event(event, socket=socket))
        if event["type"] in ENDINGS:
            self.final = event["response"]
            self.error = (event["response"]["error"] or {}).get("code")
        elif event["type"] == "error":
            self.error = event["error"]["code"]
        return bool(self.final or self.error)

    @property
    def completed(self) -> Json:
        """The response, which has output and is completed; its events tell it from its start to its end."""
        assert self.final is not None
        assert self.final["status"] == "completed", self.final
        assert self.final["output"]
        kinds = [event["type"] for event in self.events]
        assert kinds[:2] == ["response.created", "response.in_progress"]
        assert kinds[-1] == "response.completed"
        assert [event["sequence_number"] for event in self.events] == list(range(len(kinds)))
        return self.final


@dataclass(frozen=True)
class Api:
    """A base URL and a key, spoken to without any SDK: what is checked is what is on the wire."""

    url: str
    key: str

    def post(self, path: str, **body: Any) -> tuple[int, Json]:
        with self._open(path, body) as answer:
            return answer.status, json.loads(answer.read())

    def create(self, **body: Any) -> Json:
        """A whole response, checked, completed and with output."""
        status, answer = self.post("/responses", **body)
        assert status == 200, answer
        check_resource(answer)
        assert answer["status"] == "completed", answer
        assert answer["output"]
        return answer

    def stream(self, **body: Any) -> Told:
        told = Told()
        with self._open("/responses", {**body, "stream": True}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer:
                if line.startswith(b"data: ") and told.take(json.loads(line[6:])):
                    break
        return told

    @contextmanager
    def socket(self) -> Iterator["Socket"]:
        address = f"ws://{urlsplit(self.url).netloc}/v1/responses"
        with connect(address, additional_headers={"Authorization": f"Bearer {self.key}"}, max_size=None) as opened:
            yield Socket(opened)

    def _open(self, path: str, body: Json) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1{path}", json.dumps(body).encode(), headers)
        try:
            return urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as refused:
            return refused


class Socket:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, **body: Any) -> Told:
        """One turn, to its end."""
        request = {"type": "response.create", **body}
        self._connection.send(json.dumps(request))
        told = Told()
        while not told.take(json.loads(self._connection.recv(timeout=60)), socket=True):
            pass
        return told
