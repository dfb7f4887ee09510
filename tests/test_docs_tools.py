"""The tool files that the documents show can be loaded."""

import json

import pytest

from chat.tools import definition, http, projection
from chat.tools.errors import STATUSES
from tests import docs

TOOLS = docs.ROOT / "docs" / "tools.md"


@pytest.mark.parametrize("text", docs.blocks(TOOLS, "json"))
def test_an_example_is_a_tool_file(text: str) -> None:
    assert definition.parse(json.loads(text))


def test_every_error_code_is_explained_and_no_other() -> None:
    text = TOOLS.read_text(encoding="utf-8")
    table = text.partition("| code | means |")[2].partition("\n\n")[0]
    assert {row.split("`")[1] for row in table.splitlines() if row.startswith("| `")} == set(STATUSES)


def test_the_bounds_are_those_of_the_code() -> None:
    text = TOOLS.read_text(encoding="utf-8")
    assert f"at most {definition.MAX_TOOLS} tools" in text
    assert f"under {http.MIN_CREDENTIAL} characters" in text
    assert f"to at most {projection.MAX_OUTPUT // 1024} KiB" in text
