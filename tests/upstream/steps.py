"""What the scripted upstream does for one request. Steps are plain data, so that they can be sent to its process."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from chat.demo import stream

Json = dict[str, Any]

ENDINGS = ("completed", "incomplete", "failed", "error", "none")
FAULTS = ("", "cut", "reset", "stall", "hold")
MALFORMED = (
    "bad_json",  # one event's data is not JSON
    "bom",  # a byte order mark before the first line
    "comments",  # keep-alive comments between events; well formed, to be ignored
    "cr",  # lines end with a carriage return alone
    "crlf",  # lines end with carriage return and line feed
    "done_marker",  # a last `data: [DONE]`, as older APIs send it
    "doubled_numbers",  # every number comes twice
    "events_after_ending",  # a delta after the ending
    "long_comment",  # a line of 10 MB
    "missing_numbers",  # every other number is left out
    "no_event_names",  # `data:` lines only; well formed, the type is in the data
    "no_numbers",  # no sequence_number at all
    "not_objects",  # one event's data is a JSON list
    "one_byte_writes",  # every byte is a write of its own
    "split_data_lines",  # one event's JSON over several `data:` lines; well formed
    "split_utf8",  # writes end inside a character
    "two_endings",  # the ending comes twice
)


@dataclass(frozen=True)
class Step:
    """One answer.

    `output`: finished items. `deltas`: pieces for each text. `delay`: seconds before each delta. `wait`: seconds
    before the first byte. `fault` happens after `after` events: "cut" closes the connection, "reset" resets it,
    "stall" says nothing more, "hold" goes on once `release` is called. `ending`: what the stream ends with; "none"
    closes the body properly without an ending. `extra`: events put in at given places. `times`: how many requests the
    step answers; 0 is any number, also none. `seals`: encrypted content is sent also to those that did not ask.
    """

    output: Sequence[Json] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error: Json | str | None = None
    deltas: int = 5
    delay: float = 0.0
    wait: float = 0.0
    ending: str = "completed"
    fault: str = ""
    after: int = 0
    malformed: Sequence[str] = ()
    extra: Sequence[tuple[int, Json]] = ()
    model: str | None = None
    times: int = 1
    seals: bool = False

    def __post_init__(self) -> None:
        assert self.ending in ENDINGS, self.ending
        assert self.fault in FAULTS, self.fault
        assert set(self.malformed) <= set(MALFORMED), self.malformed

    def but(self, **changes: Any) -> "Step":
        """This step with some fields changed."""
        return replace(self, **changes)

    def to_json(self) -> Json:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Json) -> "Step":
        """The step that `to_json` wrote; unknown fields are an error."""
        unknown = set(data) - {each.name for each in fields(cls)}
        if unknown:
            raise ValueError(f"a step has no field {sorted(unknown)}")
        return cls(**data)


def items(*output: Json, **more: Any) -> Step:
    """A step of ready-made items, `more` as in Step."""
    return Step(output=output, **more)


def text(said: str = "Hello from the scripted upstream.", **more: Any) -> Step:
    """A step that says something."""
    return items(stream.message(said), **more)


def calls(*wanted: tuple[str, Json | str], said: str = "", **more: Any) -> Step:
    """A step that calls functions, all in one step: `(name, arguments)`, the arguments as an object or as raw text."""
    before = [stream.message(said)] if said else []
    made = [
        stream.function_call(name, given if isinstance(given, str) else json.dumps(given)) for name, given in wanted
    ]
    return items(*before, *made, **more)


def thinking(*summary: str, then: Step | None = None, encrypted: str = "encrypted-by-the-upstream") -> Step:
    """A reasoning item, and then another step's items. Its encrypted content is sent to those that asked for it."""
    after = then or text()
    return after.but(output=[stream.reasoning(summary, encrypted), *after.output])


def refusal(said: str = "I cannot help with that.", **more: Any) -> Step:
    """A step that declines."""
    return items(stream.refusal(said), **more)


def error(status: int = 500, code: str = "server_error", retry_after: float | None = None, **more: Any) -> Step:
    """An HTTP error in OpenAI's shape; `retry_after` in seconds."""
    body = {"error": {"message": f"The script says {status}.", "type": code, "param": None, "code": code}}
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return Step(status=status, headers=headers, error=body, **more)


def unknown(**more: Any) -> Step:
    """A text between an item and an event of types that nobody has heard of yet."""
    item = {"type": "future_item", "id": stream.new_id("fut"), "status": "completed", "detail": {"a": [1, 2]}}
    event = {"type": "response.future.event", "item_id": item["id"], "output_index": 0, "anything": "goes"}
    return items(item, stream.message("Known."), extra=[(3, event)], **more)
