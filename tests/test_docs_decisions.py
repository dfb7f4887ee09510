"""Every library has its reason written down."""

import re

import pytest

from tests import docs

_DECISIONS = docs.ROOT / "docs" / "decisions"
_REQUIREMENT = re.compile(r"^([A-Za-z0-9][\w.-]*)", re.MULTILINE)


def required() -> set[str]:
    texts = (docs.ROOT / name for name in ("requirements.in", "requirements-dev.in"))
    return {name for text in texts for name in _REQUIREMENT.findall(text.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("name", sorted(required()))
def test_a_requirement_has_its_reason(name: str) -> None:
    said = {
        re.split(r"[\[<>=!;' ]", word)[0].lower()
        for document in _DECISIONS.glob("0*.md")
        for word in docs.code_words(document)
    }
    assert name.lower() in said, f"{name} is required; say why under docs/decisions/"


def test_the_list_names_every_decision_by_its_title() -> None:
    index = (_DECISIONS / "README.md").read_text(encoding="utf-8")
    for document in sorted(_DECISIONS.glob("0*.md")):
        number, _, title = document.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(". ")
        assert f"| [{number}]({document.name}) | {title} |" in index
