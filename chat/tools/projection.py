"""Narrowing an API's answer to what the model may see: JMESPath over its JSON, bounded in work and size.

Nothing of a body passes that is not JSON; the upstream's own words are not for the model.
"""

import json
from typing import Any

import jmespath
import jmespath.exceptions
from jmespath.visitor import TreeInterpreter

from chat.tools.errors import ToolError

MAX_EXPRESSION = 2000  # characters
MAX_OUTPUT = 64 * 1024  # bytes of JSON that a model gets to see
_MAX_VISITS = 500_000
_MAX_LENGTH = 200_000


class _TooMuch(Exception):
    pass


class _Bounded(TreeInterpreter):
    """Stops an expression whose work or whose values grow without end: `[@,@][]|[@,@][]|…` doubles at each turn."""

    def __init__(self) -> None:
        super().__init__()
        self._visits = 0

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._visits += 1
        if self._visits > _MAX_VISITS:
            raise _TooMuch
        value = super().visit(node, *args, **kwargs)
        if isinstance(value, list | str | dict) and len(value) > _MAX_LENGTH:
            raise _TooMuch
        return value


def compile(expression: str) -> jmespath.parser.ParsedResult:
    """The parsed expression. Raises `jmespath.exceptions.JMESPathError`."""
    return jmespath.compile(expression)


def project(expression: str, body: bytes, status: int) -> str:
    """What `expression` makes of a JSON `body`, as compact JSON. An empty body counts as null.

    Raises `ToolError` "upstream_error" where the body is not JSON, does not fit the expression, or stays too large.
    """
    try:
        document = json.loads(body, parse_constant=_no_constant) if body.strip() else None
        value = _Bounded().visit(compile(expression).parsed, document)
        output = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        size = len(output.encode())
    except (ValueError, TypeError, RecursionError, jmespath.exceptions.JMESPathError, _TooMuch):
        size = None
    if size is None:
        raise ToolError("upstream_error", status, reason="unreadable answer")
    if size > MAX_OUTPUT:
        raise ToolError("upstream_error", status, reason="answer too large")
    return output


def _no_constant(_: str) -> None:
    raise ValueError
