"""One event as it stands in the log: number, type, and its JSON, encoded once for all readers."""

from typing import Any, NamedTuple

import orjson

ENDINGS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


class Frame(NamedTuple):
    number: int
    type: str
    data: bytes

    @property
    def ends(self) -> bool:
        return self.type in ENDINGS

    def sse(self) -> bytes:
        """The event as a server-sent event (WHATWG HTML, section 9.2)."""
        return b"event: %b\ndata: %b\n\n" % (self.type.encode(), self.data)

    def bare(self) -> "Frame":
        """The event without what only pads it."""
        if b'"obfuscation":' not in self.data:
            return self
        event = self.event()
        event.pop("obfuscation", None)
        return self._replace(data=orjson.dumps(event))

    def event(self) -> dict[str, Any]:
        return orjson.loads(self.data)


def encode(event: dict[str, Any], number: int) -> Frame:
    """Number an event and encode it. The event is changed in place."""
    event["sequence_number"] = number
    # Copied to its own length: orjson's bytes keep the 4 KiB that it writes into, twenty times what a delta needs, and
    # frames are kept.
    return Frame(number, event["type"], b"%b" % orjson.dumps(event))


def decode(line: bytes) -> Frame:
    event = orjson.loads(line)
    return Frame(event["sequence_number"], event["type"], line)
