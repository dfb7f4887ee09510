"""The commands that the documents tell people to run are commands."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests import docs

_MAKE = re.compile(r"\bmake ([a-z-]+)")
_MANAGE = re.compile(r"manage\.py ([a-z_]+)(?: ([a-z-]+))?")
_WITH_SUBCOMMANDS = {"vault", "denysh", "tools", "provider", "audit", "prices"}


def _said(document: Path) -> str:
    """Blocks and words in code style; "make" and such words of the prose are no commands."""
    fenced = [text for language in ("sh", "") for text in docs.blocks(document, language)]
    return "\n".join([*fenced, *docs.code_words(document)])


def _targets() -> set[str]:
    makefile = (docs.ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_make_targets_exist() -> None:
    named = {target for document in docs.documents() for target in _MAKE.findall(_said(document))}
    assert {"run", "test", "unit"} <= named
    assert named <= _targets(), f"no such target: {named - _targets()}"


def test_the_two_commands_come_first() -> None:
    first = docs.blocks(docs.README, "sh")[0].strip().splitlines()
    assert len(first) == 2
    assert first[0].startswith("git clone ")
    assert first[1] == "make run"


def test_manage_commands_exist() -> None:
    for document in docs.documents():
        for command, act in _MANAGE.findall(_said(document)):
            assert command in get_commands(), f"{document.name}: manage.py {command}"
            if act and command in _WITH_SUBCOMMANDS:
                assert act in _acts(command), f"{document.name}: manage.py {command} {act}"


@pytest.mark.parametrize("command", sorted(_WITH_SUBCOMMANDS))
def test_a_made_up_act_would_be_found(command: str) -> None:
    assert _acts(command)
    assert "frobnicate" not in _acts(command)


def _acts(command: str) -> set[str]:
    parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
    return {name for action in parser._actions if action.choices for name in action.choices}
