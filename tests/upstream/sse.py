"""Reading a ``text/event-stream`` in tests: plainly, and without the SDK's leniency."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def events(body: bytes | str) -> list[Json]:
    """The data of every event in `body`; fails where an event's name is not its data's type."""
    return list(_events(body.decode() if isinstance(body, bytes) else body))


def _events(text: str) -> Iterator[Json]:
    for block in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        lines = [line.partition(": ") for line in block.split("\n") if line and not line.startswith(":")]
        data = "\n".join(value for name, _, value in lines if name == "data")
        if not data or data == "[DONE]":
            continue
        event: Json = json.loads(data)
        names = [value for name, _, value in lines if name == "event"]
        assert names in ([], [event["type"]])
        yield event
