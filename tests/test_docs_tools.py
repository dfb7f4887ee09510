"""The tool files that the documents show can be loaded."""

import json

import pytest

from chat.tools import definition
from chat.tools.errors import STATUSES
from tests import docs

TOOLS = docs.ROOT / "docs" / "tools.md"


@pytest.mark.parametrize("text", docs.blocks(TOOLS, "json"))
def test_an_example_is_a_tool_file(text: str) -> None:
    assert definition.parse(json.loads(text))


def test_every_error_code_is_explained_and_no_other() -> None:
    explained = [line.split("`")[1] for line in TOOLS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert set(STATUSES) <= set(explained)
    assert definition.MAX_TOOLS == 128
    assert "at most 128 tools" in TOOLS.read_text(encoding="utf-8")
