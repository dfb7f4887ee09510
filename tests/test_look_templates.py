"""Templates, styles and pictures hold together: nothing inline, nothing missing, nothing unlisted."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.template.loader import get_template

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
PAGES = sorted(TEMPLATES.rglob("*.html"))
MAILS = sorted(TEMPLATES.rglob("*.txt"))
STYLES = sorted((STATIC / "css").glob("*.css"))
SCRIPTS = sorted((STATIC / "js").rglob("*.js"))
ROOMS = ("deny_web", "tenants", "vault", "chat")

# What the Content-Security-Policy refuses, and what would only show as a broken page in a browser.
INLINE = {
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.I),
    "a style element": re.compile(r"<style\b", re.I),
    "an inline script": re.compile(r"<script\b(?![^>]*\ssrc=)", re.I),
    "an event handler": re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.I),
    "a javascript: address": re.compile(r"javascript:", re.I),
    "another host": re.compile(r"""(?:src|srcset|action|data)\s*=\s*["'](?:https?:)?//""", re.I),
}


def inline_in(text: str) -> list[str]:
    return [name for name, pattern in INLINE.items() if pattern.search(text)]


@pytest.mark.parametrize(
    "text",
    [
        '<p style="color: red">',
        "<style>p {}</style>",
        "<script>go()</script>",
        '<a onclick="go()">',
        '<a href="javascript:go()">',
        '<img src="https://example.org/x.png">',
    ],
)
def test_the_search_for_inline_code_finds_it(text: str) -> None:
    assert inline_in(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_template_parses_and_has_nothing_inline(page: Path) -> None:
    get_template(str(page.relative_to(TEMPLATES)))
    assert inline_in(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("mail", MAILS, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_mail_parses(mail: Path) -> None:
    get_template(str(mail.relative_to(TEMPLATES)))


def test_every_static_file_that_a_template_names_exists() -> None:
    named = {
        name
        for page in PAGES
        for name in re.findall(r"{% static ['\"]([^'\"]+)['\"] %}", page.read_text(encoding="utf-8"))
    }
    assert "css/tokens.css" in named
    assert {name for name in named if not (STATIC / name).is_file()} == set()


def icons_in(text: str) -> Iterator[str]:
    """Names of icons as templates, scripts and the console's registry write them."""
    yield from re.findall(r"components/icon\.html['\"] with name=['\"]([\w-]+)['\"]", text)
    yield from re.findall(r"components/(?:chip|empty|notice)\.html['\"][^%]*?\bicon=['\"]([\w-]+)['\"]", text)
    yield from re.findall(r"\b(?:icon|setIcon)\((?:\w+, )?['\"]([\w-]+)['\"]\)", text)
    yield from re.findall(r"\bicon=['\"]([\w-]+)['\"]", text)
    yield from re.findall(r"lucide\.svg' %}#([\w-]+)", text)


def in_the_sprite() -> set[str]:
    return set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "vendor/lucide.svg").read_text(encoding="utf-8")))


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    sources = [*PAGES, *SCRIPTS, *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]
    named = {name for path in sources for name in icons_in(path.read_text(encoding="utf-8"))}
    assert "lock" in named
    assert named - in_the_sprite() == set()


def test_the_sprite_holds_only_icons_in_use() -> None:
    sources = [*PAGES, *SCRIPTS, *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    unused = {name for name in in_the_sprite() if not re.search(rf"""["'#]{re.escape(name)}["']""", text)}
    assert unused == set()


def test_every_style_variable_is_defined() -> None:
    styles = "\n".join(path.read_text(encoding="utf-8") for path in STYLES)
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    defined = set(re.findall(r"(--[\w-]+)\s*:", styles)) | set(re.findall(r"setProperty\(\s*['\"](--[\w-]+)", scripts))
    used = set(re.findall(r"var\((--[\w-]+)\s*\)", styles))  # with a fallback it may be left undefined
    assert "--ink" in used
    assert used - defined == set()


@pytest.mark.parametrize("style", STYLES, ids=lambda path: path.name)
def test_a_style_sheet_is_whole_and_takes_its_colours_from_the_tokens(style: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", style.read_text(encoding="utf-8"), flags=re.S)
    assert text.count("{") == text.count("}")
    if style.name != "tokens.css":
        assert re.findall(r"#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(|\boklch\(", text, re.I) == []


def test_every_file_that_a_style_sheet_names_exists() -> None:
    for style in STYLES:
        for name in re.findall(r'url\("([^"#]+)"\)', style.read_text(encoding="utf-8")):
            assert (style.parent / name).resolve().is_file(), f"{style.name} names {name}"


def test_every_vendored_library_is_listed_with_its_licence() -> None:
    listed = (STATIC / "vendor/README.md").read_text(encoding="utf-8")
    files = [path for path in (STATIC / "vendor").rglob("*") if path.is_file() and path.name != "README.md"]
    assert files
    assert {str(path.relative_to(STATIC / "vendor")) for path in files if path.name not in listed} == set()
