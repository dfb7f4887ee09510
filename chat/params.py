"""The create parameters: what we act on is checked here, everything else goes upstream untouched."""

from dataclasses import dataclass, field
from typing import Any

from chat.errors import bad_request

MAX_INPUT_ITEMS = 2000
MAX_METADATA = 16
MAX_MODEL = 200  # characters
MAX_TOKENS = 10**9  # of a request or an answer; far above any model's, and its price fits a database's integer
# Ours alone: never sent up.
OWN = frozenset(
    {"input", "previous_response_id", "conversation", "store", "stream", "stream_options", "background", "generate"}
)
# Tools that the client itself runs, and what helps a model to find them.
CLIENT_TOOLS = frozenset({"function", "custom", "namespace", "tool_search"})


@dataclass(frozen=True)
class Create:
    """A checked ``response.create``. `request` is the body without its input, as it came."""

    input: list[dict[str, Any]]
    request: dict[str, Any]
    previous_response_id: str | None = None
    conversation: str | None = None
    new_conversation: bool = False
    from_root: bool = False  # `previous_response_id` is there and null: the browser's branch beside the first message
    store: bool = True
    stream: bool = False
    background: bool = False
    token: str | None = None
    client_functions: frozenset[str] = field(default_factory=frozenset)
    told: dict[str, str] = field(default_factory=dict, compare=False)  # headers of the answer, from who lets it in


def parse(body: Any) -> Create:
    """Check a create body. Raises ApiError 400, naming the parameter."""
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object.")
    request = {key: value for key, value in body.items() if key not in ("input", "type", "deny_web:token")}
    for name in ("store", "stream", "background", "generate", "parallel_tool_calls"):
        if body.get(name) is not None and not isinstance(body[name], bool):
            raise bad_request(f"'{name}' must be true or false.", name)
    for name in ("model", "previous_response_id", "instructions"):
        value = body.get(name)
        if value is not None and not isinstance(value, str | (list if name == "instructions" else str)):
            raise bad_request(f"'{name}' must be a string.", name)
    if len(body.get("model") or "") > MAX_MODEL:
        raise bad_request(f"'model' has at most {MAX_MODEL} characters.", "model")
    include = body.get("include")
    if include is not None and not _are_strings(include):
        raise bad_request("'include' must be a list of strings.", "include")
    for name, least in (("max_output_tokens", 1), ("max_tool_calls", 0)):
        value = body.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise bad_request(f"'{name}' must be a whole number, {least} or more.", name)
        if value is not None and value > MAX_TOKENS:
            raise bad_request(f"'{name}' is at most {MAX_TOKENS}.", name)
    check_metadata(body.get("metadata"))
    _check_stream_options(body.get("stream_options"))
    request["tools"] = _tools(body.get("tools"))
    if "tool_choice" in request:
        request["tool_choice"] = _flat_choice(request["tool_choice"])
    store = body.get("store") is not False
    background = bool(body.get("background"))
    if background and not store:
        raise bad_request("'background' needs 'store'.", "background")
    conversation = _conversation(body.get("conversation"))
    return Create(
        input=input_items(body.get("input")),
        request=request,
        previous_response_id=body.get("previous_response_id"),
        conversation=conversation,
        new_conversation=body.get("deny_web:conversation") == "new",
        from_root="previous_response_id" in body and body["previous_response_id"] is None,
        store=store,
        stream=bool(body.get("stream")),
        background=background,
        token=_token(body.get("deny_web:token")),
        client_functions=frozenset(function_names(request["tools"])),
    )


def approval(body: dict[str, Any], param: str = "") -> tuple[str, bool, str]:
    """A person's decision: the request's id, whether it is approved, and why. Raises ApiError 400."""
    wanted, approve, reason = body.get("approval_request_id"), body.get("approve"), body.get("reason")
    if not isinstance(wanted, str):
        raise bad_request("'approval_request_id' must be a string.", f"{param}approval_request_id")
    if not isinstance(approve, bool):
        raise bad_request("'approve' must be true or false.", f"{param}approve")
    if reason is not None and not isinstance(reason, str):
        raise bad_request("'reason' must be a string.", f"{param}reason")
    return wanted, approve, reason or ""


def upstream_parameters(request: dict[str, Any]) -> dict[str, Any]:
    """The part of a request that goes up."""
    told = {key: value for key, value in request.items() if key not in OWN and not key.startswith("deny_web:")}
    if (padded := obfuscation(request)) is not None:
        told["stream_options"] = {"include_obfuscation": padded}  # the rest is about the stream from here to the client
    return told


def obfuscation(request: dict[str, Any]) -> bool | None:
    """Whether a request wants its deltas padded against who counts bytes on the way; None where it does not say."""
    wanted: bool | None = (request.get("stream_options") or {}).get("include_obfuscation")
    return wanted


def _check_stream_options(value: Any) -> None:
    if not isinstance(value, dict | None):
        raise bad_request("'stream_options' must be an object.", "stream_options")
    if value and not isinstance(value.get("include_obfuscation"), bool | None):
        raise bad_request("'include_obfuscation' must be true or false.", "stream_options.include_obfuscation")


def input_items(value: Any, param: str = "input") -> list[dict[str, Any]]:
    """Input as a list of items that each say their type. Raises ApiError 400."""
    if value is None:
        return []
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": value}]}]
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad_request(f"'{param}' must be a string or a list of items.", param)
    if len(value) > MAX_INPUT_ITEMS:
        raise bad_request(f"'{param}' may hold at most {MAX_INPUT_ITEMS} items.", param)
    return [_item(item, f"{param}[{index}]") for index, item in enumerate(value)]


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


# What is acted on in an item of these types, and has to be a string.
_STRINGS = {
    "function_call": ("call_id", "name", "arguments"),
    "custom_tool_call": ("call_id",),
    "custom_tool_call_output": ("call_id",),
    "mcp_call": ("id", "name", "arguments"),
    "mcp_approval_request": ("id", "name", "arguments"),
    "item_reference": ("id",),
}


def _untold(item: dict[str, Any]) -> str | None:
    """What an item is that does not say: ``EasyInputMessage`` and ``ItemReference`` may leave their type out."""
    if "role" in item:
        return "message"
    return "item_reference" if item.keys() - {"type"} == {"id"} else None


def _item(item: dict[str, Any], param: str) -> dict[str, Any]:
    kind = item.get("type") or _untold(item)
    if not isinstance(kind, str):
        raise bad_request("Each input item needs a 'type'.", f"{param}.type")
    item = {**item, "type": kind}
    if kind == "message":
        if item.get("role") not in ("user", "assistant", "system", "developer"):
            raise bad_request("A message's 'role' is user, assistant, system or developer.", f"{param}.role")
        if not isinstance(item.get("content"), str | list):
            raise bad_request("A message needs 'content'.", f"{param}.content")
        if isinstance(item["content"], str):
            part = "output_text" if item["role"] == "assistant" else "input_text"
            item["content"] = [{"type": part, "text": item["content"]}]
    for name in _STRINGS.get(kind, ()):
        if not isinstance(item.get(name), str):
            raise bad_request(f"An item of this type needs '{name}', a string.", f"{param}.{name}")
    if kind == "function_call_output" and not any(isinstance(item.get(name), str) for name in ("call_id", "name")):
        # OpenAI's types let both out; an output that says neither is a slip, and better named here.
        raise bad_request("An output needs the 'call_id' of its call, or the 'name' of its tool.", f"{param}.call_id")
    for name in ("id", "call_id", "approval_request_id"):
        if not isinstance(item.get(name), str | None):
            raise bad_request(f"'{name}' must be a string.", f"{param}.{name}")
    return item


def _tools(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        raise bad_request("'tools' must be a list of tools.", "tools")
    return [_flat(tool, index) for index, tool in enumerate(value)]


def _flat(tool: dict[str, Any], index: int) -> dict[str, Any]:
    if not isinstance(tool.get("type"), str):
        raise bad_request("Each tool needs a 'type'.", f"tools[{index}].type")
    nested = tool.get("function")
    if tool["type"] == "function" and isinstance(nested, dict):  # the older form, still in gateways' documentation
        tool = {**nested, "type": "function"}
    if tool["type"] == "function" and not isinstance(tool.get("name"), str):
        raise bad_request("A function needs a 'name'.", f"tools[{index}].name")
    return tool


def _flat_choice(choice: Any) -> Any:
    """A choice whose functions are named as `_flat` names them."""
    if not isinstance(choice, dict):
        return choice
    nested = choice.get("function")
    if choice.get("type") == "function" and isinstance(nested, dict):
        return {**nested, "type": "function"}
    if choice.get("type") == "allowed_tools" and isinstance(choice.get("tools"), list):
        return {**choice, "tools": [_flat_choice(one) for one in choice["tools"]]}
    return choice


def function_names(tools: list[dict[str, Any]]) -> list[str]:
    """The names of the tools that the client itself runs."""
    names = []
    for tool in tools:
        if tool["type"] in ("function", "custom") and isinstance(tool.get("name"), str):
            names.append(tool["name"])
        elif tool["type"] == "namespace" and isinstance(tool.get("tools"), list):
            names += [
                one["name"] for one in tool["tools"] if isinstance(one, dict) and isinstance(one.get("name"), str)
            ]
    return names


def _conversation(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("id")
        if value is None:
            raise bad_request("'conversation' needs an 'id'.", "conversation")
    if value is not None and not isinstance(value, str):
        raise bad_request("'conversation' must be an id.", "conversation")
    return value


def _token(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 8 <= len(value) <= 64:
        raise bad_request("'deny_web:token' must be a string of 8 to 64 characters.", "deny_web:token")
    return value


def check_metadata(value: Any) -> None:
    """Raises ApiError 400 for what is no metadata."""
    if value is None:
        return
    if not isinstance(value, dict) or len(value) > MAX_METADATA:
        raise bad_request(f"'metadata' is an object of at most {MAX_METADATA} pairs.", "metadata")
    for key, text in value.items():
        if len(key) > 64 or not isinstance(text, str) or len(text) > 512:
            raise bad_request(
                "'metadata' keys have at most 64 characters, values are strings of at most 512.", "metadata"
            )
