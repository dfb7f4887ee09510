"""Imports point one way: chat → vault → tenants, over a floor of leaf modules in deny_web that know no app."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("tenants", "vault", "chat")  # each may import itself and those before it
# These put the app together, and may import everything. Nobody below imports them.
COMPOSERS = {"asgi", "bootstrap", "doctor", "serve", "urls", "web"}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that `path` imports, inside functions and for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(path: Path, rooms: set[str]) -> list[str]:
    return [name for name in imported(path) if name.partition(".")[0] in rooms]


@pytest.mark.parametrize("app", APPS)
def test_app_imports_only_itself_and_those_below(app: str) -> None:
    above = set(APPS[APPS.index(app) + 1 :])
    found = {str(path.relative_to(ROOT)): forbidden(path, above) for path in modules(app)}
    assert modules(app)
    assert {path: names for path, names in found.items() if names} == {}


def test_leaf_modules_import_no_app() -> None:
    leaves = [path for path in modules("deny_web") if path.stem not in COMPOSERS]
    assert {path.stem: names for path in leaves if (names := forbidden(path, set(APPS)))} == {}


def test_nobody_below_imports_a_composer() -> None:
    composers = {f"deny_web.{name}" for name in COMPOSERS}
    below = [path for app in APPS for path in modules(app)]
    below += [path for path in modules("deny_web") if path.stem not in COMPOSERS]
    allowed = {"tenants/management/commands/doctor.py"}  # the command is only doctor's door
    found = {
        str(path.relative_to(ROOT)): names
        for path in below
        if (names := [name for name in imported(path) if ".".join(name.split(".")[:2]) in composers])
    }
    assert {path: names for path, names in found.items() if path not in allowed} == {}


def test_openai_is_imported_by_the_providers_alone() -> None:
    found = [path for app in (*APPS, "deny_web") for path in modules(app) if forbidden(path, {"openai"})]
    outside = {str(path.relative_to(ROOT)) for path in found if (ROOT / "chat" / "providers") not in path.parents}
    assert outside == set()


def test_rule_sees_an_import_inside_a_function(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("def f():\n    from chat.models import Response\n    return Response\n")
    assert forbidden(planted, {"chat"}) == ["chat.models.Response"]
