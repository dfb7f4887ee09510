"""Filling a tool's request with arguments, each encoded for its place.

A template names an argument as ``{name}``; ``{{name}}`` is the text ``{name}`` itself. A field of the query, headers or
body whose template names an argument that was not given is left out. The path's arguments are always required.

| place  | encoding |
|---|---|
| path   | percent-encoded as one segment; empty values and dot segments are refused |
| query  | percent-encoded; a lone ``{list}`` repeats the parameter |
| header | printable ASCII only, so that no value ends its line (CR, LF) and begins another header |
| body   | JSON; a lone ``{name}`` keeps its JSON type. Form-encoded where the tool's Content-Type says so |
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from chat.tools.errors import InvalidArguments

if TYPE_CHECKING:
    from chat.tools.definition import ToolDefinition

_PLACEHOLDER = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_-]*)\}\}|\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_FORM = "application/x-www-form-urlencoded"
_MISSING = object()

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as far as the arguments make it; no credential is in it yet. `query` is already encoded."""

    method: str
    base: str  # scheme and authority, exactly as the tool's author wrote them
    path: str
    query: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


def names(template: object) -> Iterator[str]:
    """The arguments that a template (text, or JSON with texts in it) asks for."""
    if isinstance(template, str):
        yield from (match[2] for match in _PLACEHOLDER.finditer(template) if match[2])
    elif isinstance(template, dict):
        for key, value in template.items():
            yield from names(key)
            yield from names(value)
    elif isinstance(template, list):
        for value in template:
            yield from names(value)


def split(url: str) -> tuple[str, str, str]:
    """A template's base (scheme and authority), path and query; text alone, nothing is decoded."""
    scheme, _, rest = url.partition(":")
    authority, slash, tail = ("", "", rest) if scheme == "demo" else rest.removeprefix("//").partition("/")
    if scheme != "demo" and "?" in authority:
        authority, _, query = authority.partition("?")
        return f"{scheme}://{authority}", "/", query
    path, _, query = f"{slash}{tail}".partition("?")
    return ("demo:" if scheme == "demo" else f"{scheme}://{authority}"), path or "/", query


def fill(definition: "ToolDefinition", args: Arguments) -> Prepared:
    """The request of one call. Raises `InvalidArguments` where a value cannot stand in its place."""
    request = definition.request
    base, path, query = split(request.url)
    headers = {name: value for name, text in request.headers.items() if (value := _header(text, args)) is not None}
    form = any(name.lower() == "content-type" and value.lower().startswith(_FORM) for name, value in headers.items())
    body = None if request.body is None else _body(request.body, args, form=form)
    if body is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    pairs = [pair for name, text in request.query.items() for pair in _query_pairs(name, text, args)]
    queries = [_query_text(query, args), urlencode(pairs, quote_via=quote, safe="")]
    return Prepared(request.method, base, _path(path, args), "&".join(filter(None, queries)), headers, body)


def _substitute(template: str, encode: Any) -> str:
    return _PLACEHOLDER.sub(lambda match: f"{{{match[1]}}}" if match[1] else encode(match[2]), template)


def _lone(template: str) -> str | None:
    match = _PLACEHOLDER.fullmatch(template)
    return match[2] if match else None


def _given(template: str, args: Arguments) -> bool:
    return all(args.get(name) is not None for name in names(template))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _path(template: str, args: Arguments) -> str:
    def encode(name: str) -> str:
        value = args.get(name)
        if isinstance(value, dict | list) or value is None:
            raise InvalidArguments(f"{name} cannot stand in a path")
        text = _text(value)
        # Many servers decode %2F and %2E before they route: an encoded "../" would still climb out of its place.
        if not text or any(part in {".", ".."} for part in re.split(r"[/\\]", text)):
            raise InvalidArguments(f"{name} cannot stand in a path")
        if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
            raise InvalidArguments(f"{name} holds a control character")
        return quote(text, safe="")

    path = _substitute(template, encode)
    if any(segment in {".", ".."} for segment in path.split("/")):
        raise InvalidArguments("the path holds a dot segment")
    return path


def _query_text(template: str, args: Arguments) -> str:
    """The query that stands in the URL template itself, parameter by parameter."""
    kept = [part for part in template.split("&") if part and _given(part, args)]
    return "&".join(_substitute(part, lambda name: quote(_text(args[name]), safe="")) for part in kept)


def _query_pairs(name: str, template: str, args: Arguments) -> list[tuple[str, str]]:
    if not _given(template, args):
        return []
    lone = _lone(template)
    if lone and isinstance(args[lone], list):
        return [(name, _text(value)) for value in args[lone]]
    return [(name, _substitute(template, lambda key: _text(args[key])))]


def _header(template: str, args: Arguments) -> str | None:
    if not _given(template, args):
        return None
    value = _substitute(template, lambda name: _text(args[name]))
    if not _HEADER_VALUE.fullmatch(value):
        raise InvalidArguments("a header's value holds a character that no header may hold")
    return value


def _body(template: object, args: Arguments, *, form: bool) -> bytes:
    filled = _json(template, args)
    if filled is _MISSING:
        filled = None
    if form and isinstance(filled, dict):
        return urlencode(list(_form_pairs(filled))).encode("ascii")
    if isinstance(filled, str) and form:
        return filled.encode()
    return json.dumps(filled, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _json(template: object, args: Arguments) -> Any:
    if isinstance(template, str):
        if not _given(template, args):
            lone = _lone(template)
            # An argument that was given as null is a value in JSON, unlike in a query or a header.
            return None if lone and lone in args else _MISSING
        lone = _lone(template)
        return args[lone] if lone else _substitute(template, lambda name: _text(args[name]))
    if isinstance(template, dict):
        pairs = ((key, _json(value, args)) for key, value in template.items())
        return {key: value for key, value in pairs if value is not _MISSING}
    if isinstance(template, list):
        return [value for entry in template if (value := _json(entry, args)) is not _MISSING]
    return template


def _form_pairs(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in fields.items():
        for entry in value if isinstance(value, list) else [value]:
            if entry is not None:
                yield key, _text(entry)
