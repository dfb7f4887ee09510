"""A response's output, folded from its events: what a reader of the stream has by now.

The host folds while it streams, so that a stop or a cut keeps the text so far; a successor folds the log that it found,
so that it knows what its readers have seen of an abandoned step.
"""

from typing import Any

Event = dict[str, Any]


class Output:
    """Items by their index. `open` are those without their ``output_item.done``."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.open: set[int] = set()
        self._text: dict[tuple[int, int], list[str]] = {}
        self._arguments: dict[int, list[str]] = {}

    def apply(self, event: Event) -> None:
        """Fold one event of ours in. Types that change no item are passed over."""
        kind = event["type"]
        if kind == "response.output_text.delta" or kind == "response.refusal.delta":
            self._text.setdefault((event["output_index"], event["content_index"]), []).append(event["delta"])
        elif kind == "response.output_item.added":
            self._put(event["output_index"], event["item"])
            self.open.add(event["output_index"])
        elif kind == "response.output_item.done":
            self._put(event["output_index"], event["item"])
            self.open.discard(event["output_index"])
        elif kind == "response.content_part.added" or kind == "response.content_part.done":
            self._part(event)
        elif kind.endswith("_arguments.delta"):
            self._arguments.setdefault(event["output_index"], []).append(event["delta"])
        elif kind.endswith("_arguments.done"):
            self._arguments[event["output_index"]] = [event["arguments"]]

    def close(self, index: int) -> list[Event]:
        """The events that close an open item as ``incomplete``, with what it had so far."""
        item = self.snapshot(index)
        item["status"] = "incomplete"
        closing = [
            event
            for place, part in enumerate(item.get("content") or [])
            if (index, place) in self._text
            for event in _closing_part(item["id"], index, place, part)
        ]
        return [*closing, {"type": "response.output_item.done", "output_index": index, "item": item}]

    def snapshot(self, index: int) -> dict[str, Any]:
        """The item with all text so far."""
        item = dict(self.items[index])
        if isinstance(item.get("content"), list):
            item["content"] = [self._filled(index, place, part) for place, part in enumerate(item["content"])]
        if index in self._arguments and not item.get("arguments"):
            item["arguments"] = "".join(self._arguments[index])
        return item

    def _filled(self, index: int, place: int, part: dict[str, Any]) -> dict[str, Any]:
        pieces = self._text.get((index, place))
        if not pieces or index not in self.open:
            return part
        return {**part, "refusal" if part.get("type") == "refusal" else "text": "".join(pieces)}

    def _put(self, index: int, item: dict[str, Any]) -> None:
        while len(self.items) <= index:
            self.items.append({})
        self.items[index] = dict(item)

    def _part(self, event: Event) -> None:
        item = self.items[event["output_index"]]
        content = item["content"] = item.get("content") or []
        place = event["content_index"]
        while len(content) <= place:
            content.append({})
        content[place] = event["part"]
        if event["type"].endswith(".done"):
            self._text.pop((event["output_index"], place), None)


def _closing_part(item_id: str, index: int, place: int, part: dict[str, Any]) -> list[Event]:
    where = {"item_id": item_id, "output_index": index, "content_index": place}
    if part.get("type") == "refusal":
        done: Event = {"type": "response.refusal.done", **where, "refusal": part["refusal"]}
    else:
        done = {"type": "response.output_text.done", **where, "text": part.get("text", ""), "logprobs": []}
    return [done, {"type": "response.content_part.done", **where, "part": part}]
