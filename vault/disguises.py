"""A text in other dress: escapings undone, and the common form in which two dresses of one secret are equal.

For whoever looks for something in a text: the leak sweep (`chat.tools.sweep`) and the tripwires.
"""

import html
import re
import sys
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

_ESCAPE = re.compile(
    r"(?:\\+|%)u(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}))|\\+(?:x([0-9a-fA-F]{2})|([0-7]{3})|([/\"'\\])|[nrtbf])"
)
# As html.unescape has them; Python refuses to read a number of more than 4,300 digits.
_LEADING_ZEROS = re.compile(r"&#0+(?=[0-9])")
_NO_CHARACTER = re.compile(r"&#[0-9]{8,};?")
_QUOTED = re.compile(r"=([0-9A-Fa-f]{2})")
_BLANK = re.compile(r"[\x00-\x20\x7f]+")
_NOT_BARE = re.compile(r"[\W_]+")
_ROUNDS = 3


def views(text: str) -> Iterator[str]:
    """The text, with each kind of escaping undone by itself, and with all undone over and over."""
    seen = {text}
    yield text
    for undo in (unquote, _unescape_html, _unescape, _unquote_printable):
        view = undo(text)
        if view not in seen:
            seen.add(view)
            yield view
    view = text
    for _ in range(_ROUNDS):
        view = unquote(_unescape_html(_unescape(view)))
        if view not in seen:
            seen.add(view)
            yield view


def plain(text: str) -> str:
    """Without case, blanks, control and zero-width characters; full-width letters become plain ones."""
    if text.isascii():
        return _BLANK.sub("", text).lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if not (char.isspace() or unicodedata.category(char)[0] in "CZM"))


def bare(text: str) -> str:
    """Letters and digits alone, of a plain text: whatever was strewn between them is gone."""
    return _NOT_BARE.sub("", text)


def _unescape_html(text: str) -> str:
    if "&" not in text:
        return text
    if "&#" in text:
        text = _NO_CHARACTER.sub("\ufffd", _LEADING_ZEROS.sub("&#", text))
    return html.unescape(text)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text or "%u" in text else text


def _character(match: re.Match[str]) -> str:
    if match[5]:
        return match[5]
    digits = match[1] or match[2] or match[3]
    if not digits and not match[4]:
        return " "  # a line break or a tab
    number = int(digits, 16) if digits else int(match[4], 8)
    return chr(number) if number <= sys.maxunicode else ""


def _unquote_printable(text: str) -> str:
    """RFC 2045, section 6.7."""
    if "=" not in text:
        return text
    return _QUOTED.sub(lambda match: chr(int(match[1], 16)), text.replace("=\r\n", "").replace("=\n", ""))
