"""One step: an upstream's event stream, told again in our numbers and names.

Inner ``created`` and ``completed`` events are swallowed, ids and indexes become ours, and a call of a tenant's tool
turns from ``function_call`` into ``mcp_call``: a ``function_call`` would make every SDK's loop run it again.
"""

from typing import Any

from chat import comparison, details, envelope, kinds, origins, params
from chat.providers import codes
from chat.providers.errors import UpstreamCut, UpstreamMalformed, told
from chat.turn import Turn
from deny_web import ids

SERVER_LABEL = "deny_web"
_RENAMED = {
    "response.function_call_arguments.delta": "response.mcp_call_arguments.delta",
    "response.function_call_arguments.done": "response.mcp_call_arguments.done",
}
_SWALLOWED = frozenset({"response.created", "response.in_progress", "response.queued"})
_MOST_OF_AN_ID = 200  # what its column takes
_ENDINGS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class Slot:
    """One upstream item: our id and index for it, whether it is a call that we run, and whether a person is asked."""

    __slots__ = ("arguments_done", "asked", "call", "id", "index", "refused")

    def __init__(self, item_id: str, index: int, call: dict[str, Any] | None, asked: bool = False) -> None:
        self.id = item_id
        self.index = index
        self.call = call
        self.asked = asked
        self.arguments_done = False
        self.refused = ""  # the code of what is against the call, where something is


class Step:
    """Feeds on upstream events and emits ours. After the ending: `calls`, `usage`, `incomplete`, `upstream_id`."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.first = len(turn.output.items)
        self.calls: list[Slot] = []
        self.usage: dict[str, Any] | None = None
        self.incomplete: dict[str, Any] | None = None
        self.upstream_id = ""
        self.ended = False
        self._slots: dict[int, Slot] = {}
        self._questions: list[dict[str, Any]] = []  # for people, not shown yet
        self._bare = (
            params.obfuscation(turn.request) is False
        )  # an upstream that does not know of it may pad all the same

    @property
    def client_calls(self) -> int:
        """How many of its items the client has to act on."""
        return len(kinds.owed(item for item in self.turn.output.items[self.first :] if item))

    @property
    def began(self) -> bool:
        """Whether the upstream has taken the request up, and will be paid for it."""
        return bool(self.upstream_id or self._slots or self.ended)

    def feed(self, event: dict[str, Any]) -> None:
        """Take one upstream event. Raises ProviderError for an error or a malformed one."""
        kind = event["type"]
        if self._bare:
            event.pop("obfuscation", None)
        try:
            if "output_index" in event:
                self._item_event(kind, event)
            elif kind in _SWALLOWED:
                self.upstream_id = _id(event["response"])
            elif kind in _ENDINGS:
                self._end(kind, event["response"])
            elif kind == "error":
                raise told(event.get("error") or event)
            else:
                self.turn.emit(event)
        except (KeyError, TypeError, AttributeError, IndexError):
            raise UpstreamMalformed from None

    def ask(self) -> None:
        """Show what people are asked, once their calls are in the ledger: a quick answer would find none there."""
        while self._questions:
            self.turn.log.emit(self._questions.pop(0))

    def finish(self) -> None:
        """The stream is over. Raises UpstreamCut when it had no ending."""
        if not self.ended:
            raise UpstreamCut

    def _item_event(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "response.output_item.added":
            self._added(event["output_index"], event["item"])
            return
        slot = self._slots.get(event["output_index"])
        if kind == "response.output_item.done":
            self._done(slot or self._added(event["output_index"], event["item"]), event["item"])
            return
        if slot is None:
            raise UpstreamMalformed
        if slot.call is not None:
            if kind not in _RENAMED or slot.asked:
                return
            slot.arguments_done = slot.arguments_done or kind.endswith(".done")
            event["type"] = _RENAMED[kind]
            event.pop("name", None)
        if "item_id" in event:
            event["item_id"] = slot.id
        event["output_index"] = slot.index
        self.turn.emit(event)

    def _added(self, upstream_index: int, item: dict[str, Any]) -> Slot:
        index = len(self.turn.output.items)
        kind = item["type"]
        ours = kind == "function_call" and item["name"] not in self.turn.client_functions
        offer = self.turn.offers.get(item["name"]) if ours else None
        asked = offer is not None and offer.approval == "ask"
        prefix = "mcpr" if asked else "mcp" if ours else kinds.prefix(kind)
        slot = Slot(ids.new(prefix), index, item if ours else None, asked)
        self._slots[upstream_index] = slot
        names = {"id": item.get("id"), "call_id": item.get("call_id"), "by": self.turn.upstream.origin}
        self.turn.upstream_names[index] = names
        self.turn.emit({"type": "response.output_item.added", "output_index": index, "item": self._renamed(slot, item)})
        return slot

    def _done(self, slot: Slot, item: dict[str, Any]) -> None:
        if item.get("id"):
            self.turn.upstream_names[slot.index]["id"] = item["id"]
        if slot.call is None:
            done = self._renamed(slot, item)
            self.turn.emit({"type": "response.output_item.done", "output_index": slot.index, "item": done})
            return
        slot.call = item
        self.turn.upstream_names[slot.index] = {"call_id": item["call_id"]}
        self.calls.append(slot)
        if slot.asked:
            done = self._renamed(slot, item)
            question = {"type": "response.output_item.done", "output_index": slot.index, "item": done}
            self.turn.output.apply(question)
            self._questions.append(question)
        elif not slot.arguments_done:
            where = {"item_id": slot.id, "output_index": slot.index}
            self.turn.emit({"type": "response.mcp_call_arguments.done", **where, "arguments": item["arguments"]})

    def _renamed(self, slot: Slot, item: dict[str, Any]) -> dict[str, Any]:
        if slot.call is None:
            return self._shown(self._referring({**item, "id": slot.id}), slot.index)
        if slot.asked:
            request = self.turn.offers[item["name"]].request
            return approval_request(slot.id, item["name"], item.get("arguments") or "", request)
        return mcp_call(slot.id, item["name"], item.get("arguments") or "")

    def _referring(self, item: dict[str, Any]) -> dict[str, Any]:
        """A foreign server's call names the question that allowed it: under our name for that."""
        if wanted := item.get("approval_request_id"):
            ours = (known[kinds.OUR_ID] for known in self.turn.context if known.get("id") == wanted)
            item["approval_request_id"] = next(ours, wanted)
        return item

    def _shown(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        """Without a reasoning item's encrypted content, unless the client asked for it; the chain keeps it."""
        asked = self.turn.request.get("include") or []
        sealed = item.get("encrypted_content") if item["type"] == "reasoning" else None
        if sealed and "reasoning.encrypted_content" not in asked:
            del item["encrypted_content"]
            self.turn.upstream_names[index]["encrypted_content"] = sealed
        elif sealed and len(self.turn.choices) > 1:
            item[origins.MARK] = self.turn.upstream.origin  # a client that keeps the chain itself sends it back
        return item

    def _end(self, kind: str, response: dict[str, Any]) -> None:
        self.ended = True
        self.upstream_id = _id(response) or self.upstream_id
        self.usage = response.get("usage")
        self.turn.details = details.merged(
            self.turn.details, comparison.shown(self.turn.compared, envelope.details(response))
        )
        if kind == "response.failed":
            raise told(response.get("error") or {})
        if kind == "response.incomplete":
            self.incomplete = codes.incomplete(response.get("incomplete_details"))
        for index, item in enumerate(response.get("output") or []):
            if index not in self._slots:  # a server that sends no item events
                self._done(self._added(index, item), item)


def _id(response: dict[str, Any]) -> str:
    return str(response.get("id") or "")[:_MOST_OF_AN_ID]


def mcp_call(item_id: str, name: str, arguments: str) -> dict[str, Any]:
    """A call of a tenant's tool, as clients see it, before its outcome."""
    return {
        "type": "mcp_call",
        "id": item_id,
        "server_label": SERVER_LABEL,
        "name": name,
        "arguments": arguments,
        "output": None,
        "error": None,
        "status": "in_progress",
        "approval_request_id": None,
    }


def approval_request(item_id: str, name: str, arguments: str, request: dict[str, Any]) -> dict[str, Any]:
    """A call that waits for a person; `request` is what people see of what would be sent."""
    return {
        "type": "mcp_approval_request",
        "id": item_id,
        "server_label": SERVER_LABEL,
        "name": name,
        "arguments": arguments,
        "deny_web:request": request,
    }
