"""The body of ``POST /v1/responses``, read once and checked."""

from dataclasses import dataclass, field
from typing import Any

from chat.demo import schemas

Json = dict[str, Any]


class BadRequest(Exception):
    """A body that cannot be answered; becomes HTTP 400 in OpenAI's error shape."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message, self.param, self.code = message, param, code


@dataclass(frozen=True)
class Function:
    """A function that the model may call; `parameters` is its JSON Schema."""

    name: str
    description: str = ""
    parameters: Json = field(default_factory=dict)
    namespace: str = ""


@dataclass(frozen=True)
class Request:
    """What the model needs to know of a request; `body` keeps the rest, to be echoed."""

    body: Json
    items: tuple[Json, ...]
    functions: tuple[Function, ...]
    forced: bool
    parallel: bool
    max_output_tokens: int | None
    format: Json
    stream: bool

    @property
    def instructions(self) -> str:
        """The instructions, and the system and developer messages after them."""
        texts = [self.body.get("instructions") or ""]
        texts += [text_of(item) for item in self.items if item.get("role") in ("system", "developer")]
        return "\n".join(text for text in texts if isinstance(text, str) and text)


def text_of(item: Json) -> str:
    """The text of a message item, whichever of the two forms its content has."""
    content = item.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") or part.get("refusal") for part in parts if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def output_text(output: Any) -> str:
    """The text of a tool's output, a string or a list of content parts."""
    return output if isinstance(output, str) else text_of({"content": output})


def parse(body: Any) -> Request:
    """The request in `body`. Raises BadRequest, naming the parameter."""
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise BadRequest("Missing required parameter: 'model'.", "model", "missing_required_parameter")
    if body.get("previous_response_id"):
        # The demo stores nothing, so no chain can be known to it.
        raise BadRequest("Previous response not found.", "previous_response_id", "previous_response_not_found")
    if not isinstance(body.get("instructions"), str | list | None):
        raise BadRequest("'instructions' must be a string or a list of items.", "instructions", "invalid_type")
    functions = _functions(body.get("tools"))
    callable_functions, forced = _chosen(body.get("tool_choice"), functions)
    return Request(
        body=body,
        items=_items(body.get("input")),
        functions=callable_functions,
        forced=forced,
        parallel=_typed(body, "parallel_tool_calls", bool, True),
        max_output_tokens=_tokens(body),
        format=_format(body.get("text")),
        stream=_typed(body, "stream", bool, False),
    )


def _typed(body: Json, name: str, kind: type, default: Any) -> Any:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadRequest(f"Invalid type for '{name}'.", name, "invalid_type")
    return value


def _tokens(body: Json) -> int | None:
    tokens: int | None = _typed(body, "max_output_tokens", int, None)
    if tokens is not None and tokens < 1:
        raise BadRequest("'max_output_tokens' must be at least 1.", "max_output_tokens", "integer_below_min_value")
    return tokens


def _items(value: Any) -> tuple[Json, ...]:
    if isinstance(value, str):
        return ({"type": "message", "role": "user", "content": value},)
    if not isinstance(value, list):
        code = "missing_required_parameter" if value is None else "invalid_type"
        raise BadRequest("'input' must be a string or a list of items.", "input", code)
    for index, item in enumerate(value):
        if not isinstance(item, dict) or not ("type" in item or "role" in item):
            raise BadRequest("An item must be an object with a 'type' or a 'role'.", f"input[{index}]", "invalid_type")
    return tuple({"type": "message", **item} for item in value)


def _functions(tools: Any) -> list[Function]:
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise BadRequest("'tools' must be a list.", "tools", "invalid_type")
    found: list[Function] = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise BadRequest("A tool must be an object.", f"tools[{index}]", "invalid_type")
        if tool.get("type") == "namespace" and isinstance(tool.get("tools"), list):
            inner = [each for each in tool["tools"] if isinstance(each, dict) and each.get("type") == "function"]
            found += [_function(each, index, str(tool.get("name", ""))) for each in inner]
        elif tool.get("type") == "function":
            found.append(_function(tool, index))
    return found


def _function(tool: Json, index: int, namespace: str = "") -> Function:
    # Gateways' documents show the nested form of the older chat API; both are met.
    flat = tool["function"] if isinstance(tool.get("function"), dict) else tool
    name = flat.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest("A function needs a name.", f"tools[{index}].name", "missing_required_parameter")
    parameters = flat.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise BadRequest("'parameters' must be a JSON Schema object.", f"tools[{index}].parameters", "invalid_type")
    return Function(name, str(flat.get("description") or ""), schemas.sane(parameters or {}), namespace)


def _chosen(choice: Any, functions: list[Function]) -> tuple[tuple[Function, ...], bool]:
    """The functions that `tool_choice` leaves, and whether one of them has to be called."""
    if choice in (None, "auto"):
        return tuple(functions), False
    if choice == "none":
        return (), False
    if choice == "required":
        return tuple(functions), bool(functions)
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind == "function":
        nested = choice["function"] if isinstance(choice.get("function"), dict) else choice
        return _named([nested.get("name")], functions), True
    if kind == "allowed_tools" and isinstance(choice.get("tools"), list):
        names = [tool.get("name") for tool in choice["tools"] if isinstance(tool, dict)]
        return _named(names, functions), choice.get("mode") == "required"
    raise BadRequest("Invalid value for 'tool_choice'.", "tool_choice", "invalid_value")


def _named(names: list[Any], functions: list[Function]) -> tuple[Function, ...]:
    found = tuple(function for function in functions if function.name in names)
    if not found:
        raise BadRequest("'tool_choice' names a tool that 'tools' does not hold.", "tool_choice", "invalid_value")
    return found


def _format(text: Any) -> Json:
    if text is None:
        return {"type": "text"}
    chosen = text.get("format") if isinstance(text, dict) else text
    if chosen is None:
        return {"type": "text"}
    if not isinstance(chosen, dict) or chosen.get("type") not in ("text", "json_object", "json_schema"):
        raise BadRequest("Invalid value for 'text.format'.", "text.format", "invalid_value")
    if chosen["type"] == "json_schema" and not isinstance(chosen.get("schema"), dict):
        raise BadRequest("Missing required parameter: 'text.format.schema'.", "text.format.schema", "invalid_type")
    return {**chosen, "schema": schemas.sane(chosen["schema"])} if chosen["type"] == "json_schema" else chosen
