"""How a request narrows the workspace's tools: in forms that clients can send already. Each only takes away.

    tools        {"type": "mcp", "server_label": "deny_web", "allowed_tools": …, "require_approval": …}
    tool_choice  {"type": "allowed_tools", "mode": …, "tools": [{"type": "mcp", "server_label": "deny_web", "name": …}]}
                 {"type": "mcp", "server_label": "deny_web", "name": …}
    deny_web:tools  ["name", …]

Sources: ``tool.Mcp``, ``ToolChoiceAllowed`` and ``ToolChoiceMcp`` of ``openai.types.responses``. None of it goes up:
there the workspace's tools are functions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chat.errors import ApiError, bad_request
from chat.step import SERVER_LABEL
from chat.turn import Offer

Json = dict[str, Any]

# What a client could mean for another server of this label. The tools here bring their own address and credential.
_FOREIGN = ("authorization", "headers", "connector_id", "tunnel_id")
_READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Filter:
    """Some of the tools: by name, by whether they only read, or both; `param` is where the request says so."""

    param: str
    names: frozenset[str] | None = None
    read_only: bool | None = None

    def matches(self, name: str, offer: Offer) -> bool:
        reads = offer.request["method"] in _READING
        return (self.names is None or name in self.names) and self.read_only in (None, reads)


@dataclass(frozen=True)
class Narrowing:
    """What a request says of the workspace's tools. `asks`: calls that a person decides, beside those that ask anyway.

    `chosen` is the one that `tool_choice` forces, "" for any one of them.
    """

    only: tuple[Filter, ...] = ()
    asks: tuple[Filter, ...] = ()
    chosen: str | None = None
    deferred: bool = False

    def check(self, available: Mapping[str, Offer]) -> None:
        """Raises ApiError 400 for a name that this key is not offered, the same whether it exists or not."""
        for one in (*self.only, *self.asks):
            if one.names and not one.names <= available.keys():
                raise not_offered(one.param)

    def of(self, available: Mapping[str, Offer]) -> dict[str, Offer]:
        """The tools that are left."""
        return {
            name: self._asking(name, offer)
            for name, offer in available.items()
            if all(one.matches(name, offer) for one in self.only)
        }

    def check_choice(self, offers: Mapping[str, Offer]) -> None:
        """Raises ApiError 400 where `tool_choice` forces a tool that is not among those that are left."""
        if self.chosen is not None and (self.chosen not in offers if self.chosen else not offers):
            raise not_offered("tool_choice")

    def _asking(self, name: str, offer: Offer) -> Offer:
        if self.deferred:
            offer = replace(offer, schema={**offer.schema, "defer_loading": True})
        if offer.approval == "auto" and any(one.matches(name, offer) for one in self.asks):
            return replace(offer, approval="ask")
        return offer


def not_offered(param: str) -> ApiError:
    # One sentence for a tool of others, one that the key may not have, and one that never was.
    return bad_request("No tool of this name is offered to this request.", param, "tool_not_offered")


def is_ours(tool: object) -> bool:
    """Whether an entry of `tools` or of a choice means the workspace's own tools."""
    return isinstance(tool, dict) and tool.get("type") == "mcp" and tool.get("server_label") == SERVER_LABEL


def read(request: Mapping[str, Any]) -> Narrowing:
    """What a request says of the workspace's tools. Raises ApiError 400 for what is malformed."""
    own = [(index, tool) for index, tool in enumerate(request.get("tools") or []) if is_ours(tool)]
    choice = request.get("tool_choice")
    names = request.get("deny_web:tools")
    if not own and names is None and not isinstance(choice, dict):
        return _NOTHING
    if len(own) > 1:
        raise bad_request(f"'{SERVER_LABEL}' may be named once.", f"tools[{own[1][0]}].server_label")
    only: list[Filter] = [_filter(names, "deny_web:tools")] if names is not None else []
    asks: list[Filter] = []
    for index, tool in own:
        for field in _FOREIGN:
            if tool.get(field) is not None:
                raise bad_request(f"The workspace's own tools take no '{field}'.", f"tools[{index}].{field}")
        if tool.get("allowed_tools") is not None:
            only.append(_filter(tool["allowed_tools"], f"tools[{index}].allowed_tools"))
        asks += _asks(tool.get("require_approval"), f"tools[{index}].require_approval")
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        only += _allowed(choice)
    return Narrowing(tuple(only), tuple(asks), _chosen(choice), any(tool.get("defer_loading") for _, tool in own))


_NOTHING = Narrowing()


def _filter(value: Any, param: str) -> Filter:
    """A list of names, or OpenAI's filter. Raises ApiError 400."""
    reading = None
    if isinstance(value, dict):
        reading = value.get("read_only")
        if reading is not None and not isinstance(reading, bool):
            raise bad_request("'read_only' must be true or false.", f"{param}.read_only")
        value, param = value.get("tool_names"), f"{param}.tool_names"
        if value is None:
            return Filter(param, None, reading)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise bad_request(f"'{param}' must be a list of tools' names.", param)
    return Filter(param, frozenset(value), reading)


def _asks(value: Any, param: str) -> list[Filter]:
    """The calls that the request wants asked about. "never" changes nothing: what the workspace asks about is asked."""
    if value in (None, "never"):
        return []
    if value == "always":
        return [Filter(param)]
    if not isinstance(value, dict):
        raise bad_request("'require_approval' is always, never, or says which.", param)
    named = {key: _filter(value[key], f"{param}.{key}") for key in ("always", "never") if value.get(key) is not None}
    return [named["always"]] if "always" in named else []


def _allowed(choice: Json) -> list[Filter]:
    """The filter of a choice among some tools; those that it names as functions count too. Raises ApiError 400."""
    entries = choice.get("tools")
    if choice.get("mode") not in ("auto", "required"):
        raise bad_request("'mode' is auto or required.", "tool_choice.mode")
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise bad_request("'tool_choice.tools' must be a list of tools.", "tool_choice.tools")
    own = [one for one in entries if is_ours(one)]
    names = [one.get("name") for one in own]
    if not all(name is None or isinstance(name, str) for name in names):
        raise bad_request("A tool's 'name' must be a string.", "tool_choice.tools")
    if None in names:
        return []
    named = Filter("tool_choice.tools", frozenset(name for name in names if name is not None))
    # A function's name may be the client's own: it is no claim that a tool of the workspace is called so.
    functions = {one["name"] for one in entries if one.get("type") == "function" and isinstance(one.get("name"), str)}
    return [_Loose(named.param, named.names, None, frozenset(functions))]


@dataclass(frozen=True)
class _Loose(Filter):
    """A filter that also lets through some names which need not exist."""

    more: frozenset[str] = frozenset()

    def matches(self, name: str, offer: Offer) -> bool:
        return name in self.more or super().matches(name, offer)


def _chosen(choice: Any) -> str | None:
    if not is_ours(choice):
        return None
    name = choice.get("name")
    if name is not None and not isinstance(name, str):
        raise bad_request("A tool's 'name' must be a string.", "tool_choice.name")
    return name or ""


# --- towards the upstream ---------------------------------------------------------------------------------------


def tools_up(tools: Iterable[Json], offers: Mapping[str, Offer]) -> list[Json]:
    """A request's tools as they go up: the client's own, then the workspace's as functions."""
    return [*(tool for tool in tools if not is_ours(tool)), *(offer.schema for offer in offers.values())]


def choice_up(choice: Any, tools: list[Json], offers: Mapping[str, Offer], *, again: bool) -> Any:
    """A request's `tool_choice` in the upstream's terms; `tools` are those that go up.

    `again`: not the first step. What was forced is not forced again, or the model would call it for ever.
    """
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        return _allowed_up(choice, tools, offers, "auto" if again else choice["mode"])
    if again:
        return "auto" if choice == "required" or isinstance(choice, dict) else choice
    if not is_ours(choice):
        return choice
    names = [name for name in offers if name == (choice.get("name") or name)]
    if not names:
        return "auto"  # it went away since the request was taken
    if len(names) == 1:
        return {"type": "function", "name": names[0]}
    if len(names) == len(tools):
        return "required"
    return {"type": "allowed_tools", "mode": "required", "tools": [_function(name) for name in names]}


def _allowed_up(choice: Json, tools: list[Json], offers: Mapping[str, Offer], mode: str) -> Any:
    own = {name: _function(name) for name in offers}
    entries = [one for one in choice["tools"] if not is_ours(one)]
    named = {one.get("name") for one in entries if one.get("type") == "function"}
    entries += [one for name, one in own.items() if name not in named]
    if not entries:
        return "none"
    # Not every upstream knows a choice among some; where nothing else goes up, all of them says the same.
    return mode if len(tools) == len(own) == len(entries) else {**choice, "mode": mode, "tools": entries}


def _function(name: str) -> Json:
    return {"type": "function", "name": name}
