"""What makes a tool file's entry usable, field by field. `definition.parse` is the way in.

Each check raises `InvalidTool` with a sentence that names the tool and the field. What cannot be decided here, because
it depends on the network (which addresses a host has), is decided at each call instead.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import regex
from jmespath.exceptions import JMESPathError
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from chat.tools import arguments, projection, templating
from chat.tools.errors import InvalidTool
from tenants import addresses
from tenants.addresses import AddressRefused

DEFAULT_TIMEOUT = 10
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MAX_DESCRIPTION, _MAX_SCHEMA, _MAX_URL, _MAX_LABEL, _MAX_BODY = 4096, 32 * 1024, 2048, 100, 32 * 1024
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110, section 5.6.2
_PLACE = re.compile(r"bearer|basic|(?:header|query):(.+)")
_URL_TEXT = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%{}-]+")
# Framing, or ours alone to set: a template that could write these would change where a request ends or whose it is.
_FRAMING = {"content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"}
_OURS = {"host", "accept-encoding", "idempotency-key", "proxy-authorization", "proxy-connection"}
_MANAGED = frozenset(_FRAMING | _OURS)
# A secret written into a tool file would stand in the database as it is.
_SECRET = frozenset({"authorization", "cookie"})


def check(entry: object, index: int) -> None:
    """Raises `InvalidTool` unless `entry` is a whole and usable tool."""
    if not isinstance(entry, dict):
        raise InvalidTool(f"Tool number {index + 1} is not a JSON object.", index)
    tool = _Tool(entry, index)
    tool.only("", entry, {"name", "description", "parameters", "request", "credential", "result", "approval"})
    for part in (_name, _description, _parameters, _request, _templates, _credential, _result, _approval):
        part(tool)


class _Tool:
    """One entry under check: how to read its fields and how to say what is wrong with them."""

    def __init__(self, entry: dict[str, Any], index: int) -> None:
        self.entry, self.index = entry, index
        name = entry.get("name")
        self.title = f"Tool {name}" if isinstance(name, str) and _NAME.fullmatch(name) else f"Tool number {index + 1}"

    def fail(self, field: str, says: str) -> NoReturn:
        raise InvalidTool(f"{self.title}: {field} {says}.", self.index, field)

    def only(self, field: str, value: dict[str, Any], known: set[str]) -> None:
        for key in value:
            if key not in known:
                says = f"is not a field that a tool has; known are {', '.join(sorted(known))}"
                self.fail(f"{field}.{key}"[:80].lstrip("."), says)

    def text(self, field: str, value: object, longest: int) -> str:
        if not isinstance(value, str) or not value.strip():
            self.fail(field, "must be a text that is not empty")
        if len(value) > longest:
            self.fail(field, f"is longer than {longest} characters")
        return value

    @property
    def parameters(self) -> dict[str, Any]:
        return self.entry.get("parameters") or {}

    @property
    def request(self) -> dict[str, Any]:
        return self.entry["request"]


def _name(tool: _Tool) -> None:
    name = tool.entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        tool.fail("name", "must be 1 to 64 letters, digits, hyphens or underscores")


def _description(tool: _Tool) -> None:
    tool.text("description", tool.entry.get("description"), _MAX_DESCRIPTION)


def _parameters(tool: _Tool) -> None:
    schema = tool.entry.get("parameters")
    if schema is None:
        return
    if not isinstance(schema, dict) or schema.get("type") != "object" or "$ref" in schema:
        tool.fail("parameters", 'must be a JSON Schema with "type": "object"')
    if len(json.dumps(schema)) > _MAX_SCHEMA or arguments.depth(schema) > arguments.MAX_DEPTH:
        tool.fail("parameters", "is too large or nested too deeply")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        tool.fail("parameters", f"is not a valid JSON Schema (2020-12) at {error.json_path}")
    for keyword, value in _keywords(schema):
        if keyword in {"$dynamicRef", "$recursiveRef", "patternProperties"}:
            tool.fail("parameters", f"uses {keyword}, which tools do not support")
        if keyword == "$ref" and not (isinstance(value, str) and re.fullmatch(r"#(/[^#]*)?", value)):
            tool.fail("parameters", 'may only point into itself with $ref ("#/$defs/…")')
        if keyword == "pattern" and isinstance(value, str) and not _compiles(regex.compile, value, regex.error):
            tool.fail("parameters", "holds a pattern that does not compile")


def _keywords(schema: object) -> Iterator[tuple[str, object]]:
    """Every keyword of a schema; what stands below `properties` or `$defs` as a name is not one."""
    if isinstance(schema, list):
        for entry in schema:
            yield from _keywords(entry)
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        yield key, value
        if key in {"properties", "$defs", "definitions", "dependentSchemas"} and isinstance(value, dict):
            for child in value.values():
                yield from _keywords(child)
        elif key not in {"const", "enum", "default", "examples"}:
            yield from _keywords(value)


def _request(tool: _Tool) -> None:
    request = tool.entry.get("request")
    if not isinstance(request, dict):
        tool.fail("request", "is missing; it says which address to call")
    tool.only("request", request, {"method", "url", "query", "headers", "body", "timeout", "idempotent"})
    if not isinstance(request.get("method"), str) or request["method"].upper() not in METHODS:
        tool.fail("request.method", f"must be one of {', '.join(METHODS)}")
    timeout = request.get("timeout", DEFAULT_TIMEOUT)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 1 <= timeout <= 120:
        tool.fail("request.timeout", "must be 1 to 120 seconds")
    if not isinstance(request.get("idempotent", False), bool):
        tool.fail("request.idempotent", "must be true or false")
    _url(tool, tool.text("request.url", request.get("url"), _MAX_URL))
    _fields(tool)


def _url(tool: _Tool, url: str) -> None:
    if not _URL_TEXT.fullmatch(url):
        tool.fail("request.url", "holds a character that a URL may not hold; percent-encode it")
    base, path, _ = templating.split(url)
    if next(templating.names(base), None) or "{" in base:
        tool.fail("request.url", "has a placeholder in its host; a tool names its host itself")
    if any(segment.lower().replace("%2e", ".") in {".", ".."} for segment in path.split("/")):
        tool.fail("request.url", "has a dot segment in its path")
    if base == "demo:":
        if not path.startswith("/") or path.startswith("//"):
            tool.fail("request.url", "must go on with a path after demo:")
        return
    try:
        # The spelling only: the operator may allow a private address later; it is refused at each call till then.
        addresses.read(base)
    except AddressRefused as error:
        tool.fail("request.url", f"cannot be used: {error.sentence}")


def _fields(tool: _Tool) -> None:
    request = tool.request
    for field in ("query", "headers"):
        values = request.get(field) or {}
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            tool.fail(f"request.{field}", "must be an object of texts")
    for name in request.get("headers") or {}:
        if not _TOKEN.fullmatch(name) or name.lower() in _MANAGED:
            tool.fail("request.headers", f"may not set {name[:40]!r}")
        if name.lower() in _SECRET:
            tool.fail("request.headers", f"may not hold {name}; name a vault label under credential instead")
    body = request.get("body")
    if body is not None and request["method"].upper() == "GET":
        tool.fail("request.body", "cannot go with GET")
    if len(json.dumps(body)) > _MAX_BODY or arguments.depth(body) > arguments.MAX_DEPTH:
        tool.fail("request.body", "is too large or nested too deeply")


def _templates(tool: _Tool) -> None:
    declared = set(tool.parameters.get("properties") or {})
    required = set(tool.parameters.get("required") or [])
    request = tool.request
    _, path, query = templating.split(request["url"])
    for field, template in (
        ("url", path),
        ("url", query),
        ("query", list((request.get("query") or {}).values())),
        ("headers", list((request.get("headers") or {}).values())),
        ("body", request.get("body")),
    ):
        for name in templating.names(template):
            if name not in declared:
                tool.fail(f"request.{field}", f"names {{{name}}}, which parameters does not declare")
    for name in templating.names(path):
        if name not in required:
            tool.fail("request.url", f"has {{{name}}} in its path, so parameters must require it")


def _credential(tool: _Tool) -> None:
    credential = tool.entry.get("credential")
    if credential is None:
        return
    if not isinstance(credential, dict):
        tool.fail("credential", 'must be an object with "label" and "in"')
    tool.only("credential", credential, {"label", "in"})
    tool.text("credential.label", credential.get("label"), _MAX_LABEL)
    match = _PLACE.fullmatch(credential["in"]) if isinstance(credential.get("in"), str) else None
    if not match:
        tool.fail("credential.in", "must be bearer, basic, header:NAME or query:NAME")
    place, _, name = credential["in"].partition(":")
    if name and not _TOKEN.fullmatch(name):
        tool.fail("credential.in", "names a header or parameter that cannot be")
    if place == "header" and name.lower() in _MANAGED:
        tool.fail("credential.in", f"may not set {name}")
    taken = {key.lower() for key in tool.request.get("headers") or {}} if place == "header" else set()
    if place == "query":
        _, _, query = templating.split(tool.request["url"])
        taken = {*(tool.request.get("query") or {}), *(part.partition("=")[0] for part in query.split("&"))}
    if name and (name.lower() if place == "header" else name) in taken:
        tool.fail("credential.in", f"names {name}, which the request sets already")


def _result(tool: _Tool) -> None:
    expression = tool.entry.get("result")
    if expression is None:
        tool.fail("result", 'is missing; it is a JMESPath that says what the model may see ("@" for all of it)')
    tool.text("result", expression, projection.MAX_EXPRESSION)
    if not _compiles(projection.compile, expression, JMESPathError):
        tool.fail("result", "is not a JMESPath expression")


def _approval(tool: _Tool) -> None:
    if tool.entry.get("approval", "auto") not in ("auto", "ask", "never"):
        tool.fail("approval", "must be auto, ask or never")


def _compiles(compiler: Callable[[str], object], text: str, error: type[Exception]) -> bool:
    try:
        compiler(text)
    except (error, RecursionError, OverflowError):
        return False
    return True
