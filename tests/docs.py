"""The documents as data, for the tests that hold them to the code."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
_FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def documents() -> list[Path]:
    """Every Markdown file of ours, vendored libraries' apart."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("static/img/*.md")]
    return sorted(found)


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [text for name, text in _FENCE.findall(document.read_text(encoding="utf-8")) if name == language]


def under(document: Path, heading: str) -> list[str]:
    """The fenced blocks that have a language, under one heading."""
    parts = re.split(rf"^#+ {re.escape(heading)}$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(parts) == 2, f"{document.name} has {len(parts) - 1} headings of this name: {heading}"
    return [text for name, text in _FENCE.findall(re.split(r"^##+ ", parts[1], flags=re.MULTILINE)[0]) if name]


def prose(document: Path) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", document.read_text(encoding="utf-8"))


def links(document: Path) -> Iterator[str]:
    """Where the document's links and pictures lead, as written."""
    yield from _LINK.findall(prose(document))


def anchors(document: Path) -> set[str]:
    """The anchors that a reader's site makes of the headings (GitHub's rule)."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_words(document: Path) -> Iterator[str]:
    """What stands between single backticks."""
    yield from re.findall(r"`([^`\n]+)`", prose(document))
