"""docs/api.md lists the routes that /v1 has, and no other."""

import re

from chat.doors.http import routes, unknown_route, wrong_method
from tests import docs

API = docs.ROOT / "docs" / "api.md"


def listed() -> set[tuple[str, str]]:
    text = API.read_text(encoding="utf-8").partition("## Routes")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([A-Z]+) /v1(/[^`]+)`", text, re.MULTILINE))


def served() -> set[tuple[str, str]]:
    handled = [route for route in routes if route.endpoint not in (unknown_route, wrong_method)]
    return {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in handled
        for method in (route.methods or set()) - {"HEAD"}
    }


def test_the_routes_are_those_of_the_code() -> None:
    assert len(served()) > 5
    assert listed() == served()
