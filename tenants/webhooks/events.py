"""What a workspace can be told, and its form.

    {"id": "evt_…", "object": "event", "created_at": UNIX SECONDS, "type": "response.completed", "data": {…}}

The form and the `response.…` types are OpenAI's (`openai.types.webhooks`), so that its SDKs' `webhooks.unwrap` reads
them. Types of our own begin with `deny_web.`
"""

import json
import time
from dataclasses import dataclass
from typing import Any, Final

from deny_web import ids


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event: `title` says it to a person, `help` when it comes."""

    name: str
    title: str
    help: str


EVENTS: Final = (
    EventType("response.completed", "A background response completed", "The model said all it had to say."),
    EventType("response.failed", "A background response failed", "The provider of the model or this server failed."),
    EventType(
        "response.incomplete",
        "A background response ended early",
        "It met a limit of the request or the workspace.",
    ),
    EventType("response.cancelled", "A background response was cancelled", "Somebody asked for it."),
    EventType("deny_web.tripwire.sighted", "A honeytoken was sighted", "One of your planted fakes turned up."),
)
KNOWN: Final = frozenset(event.name for event in EVENTS)
TEST: Final = "deny_web.test"  # goes to one endpoint, when a person asks for it


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is sent. `body` is JSON."""

    id: str
    body: str


def make(event_type: str, data: dict[str, Any]) -> Event:
    """A new event."""
    event_id = ids.new("evt")
    envelope = {"id": event_id, "object": "event", "created_at": int(time.time()), "type": event_type, "data": data}
    return Event(event_id, json.dumps(envelope, separators=(",", ":")))
