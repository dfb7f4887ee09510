"""docs/operations.md lists every name that the code reads from the environment, and no other."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests import docs

OPERATIONS = docs.ROOT / "docs" / "operations.md"
_ROOMS = ("deny_web", "tenants", "vault", "chat")
_NAME = re.compile(r"[A-Z][A-Z0-9_]{2,}")
_READERS = {"env.text", "env.integer", "env.flag", "env.words", "os.environ.get", "os.environ.pop"}
# Read by us, and set by us: it says which settings module there is.
_INTERNAL = {"DJANGO_SETTINGS_MODULE"}


def listed() -> set[str]:
    """The names in the table's first column, without `<SLUG>`."""
    rows = re.findall(r"^\| `([A-Z_]+)(?:<SLUG>)?`", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE)
    return set(rows)


def sources() -> Iterator[Path]:
    for room in _ROOMS:
        yield from (docs.ROOT / room).rglob("*.py")


def read_in(source: str) -> set[str]:
    """Names that a module hands to `env`'s readers or takes out of `os.environ`, where they are written out."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    names = {_name(argument, constants) for argument in _asked(tree)}
    return {name for name in names if name and _NAME.fullmatch(name)} - _INTERNAL


def _asked(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Attribute):
            if ast.unparse(node.func) in _READERS:
                yield node.args[0]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            yield node.slice


def _name(argument: ast.expr, constants: Mapping[str, object]) -> str | None:
    if isinstance(argument, ast.Constant):
        return str(argument.value)
    if isinstance(argument, ast.Name):
        return str(constants.get(argument.id, ""))
    return None


def test_every_name_that_is_read_is_listed() -> None:
    for path in sources():
        missing = read_in(path.read_text(encoding="utf-8")) - listed()
        assert not missing, f"{path.relative_to(docs.ROOT)} reads {missing}, which docs/operations.md does not list"


def test_every_name_that_is_listed_is_read() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources())
    for name in listed():
        assert re.search(rf"""["']{name}(?:\{{|["'])""", code), f"nothing reads {name}"


def test_the_reader_of_code_sees_each_way_of_reading() -> None:
    source = 'import os\nX = "ONE_NAME"\nenv.text(X)\nenv.flag("TWO_NAME", True)\nos.environ.get("THREE_NAME")\n'
    assert read_in(source) == {"ONE_NAME", "TWO_NAME", "THREE_NAME"}
