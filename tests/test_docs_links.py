"""Whatever a document points to is there."""

import re
from pathlib import Path

import pytest

from tests import docs

_PATH = re.compile(r"(?:deny_web|tenants|vault|chat|tests|static|templates|docs)/[\w./*-]+")
each_document = pytest.mark.parametrize("document", docs.documents(), ids=lambda path: str(path.relative_to(docs.ROOT)))


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    for link in docs.links(document):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in docs.anchors(target), f"{link}: there is no such heading"


@each_document
def test_files_that_are_named_exist(document: Path) -> None:
    for word in docs.code_words(document):
        if _PATH.fullmatch(word):
            assert any(docs.ROOT.glob(word.rstrip("/"))), f"`{word}` does not exist"


def test_a_link_that_leads_nowhere_would_be_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("[gone](b.md) and [here](#part)\n# Part\n")
    assert list(docs.links(document)) == ["b.md", "#part"]
    assert docs.anchors(document) == {"part"}
    assert not (tmp_path / "b.md").exists()
