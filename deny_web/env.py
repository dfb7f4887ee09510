"""Typed readers of the environment.

Each name can also be given as ``NAME_FILE``, the path of a file that holds the value, as Docker and systemd hand out
secrets. A value that cannot be read stops the program with one sentence; nothing falls back silently.
"""

import os
from pathlib import Path
from typing import overload


class BadEnvironment(SystemExit):
    """A setting that cannot be used; prints one sentence and exits 1. Carries the name, never the value."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"deny_web: {sentence}")


@overload
def text(name: str) -> str | None: ...
@overload
def text(name: str, default: str) -> str: ...
def text(name: str, default: str | None = None) -> str | None:
    """The value of `name`, or of the file that `name`_FILE points to, without its trailing newline."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        if os.environ.get(name):
            raise BadEnvironment(f"{name} and {name}_FILE are both set; keep one of them.")
        try:
            return Path(path).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError):
            raise BadEnvironment(f"the file that {name}_FILE names cannot be read.") from None
    return os.environ.get(name) or default


def integer(name: str, default: int) -> int:
    """The value of `name` as a whole number."""
    value = text(name)
    if value is None:
        return default
    try:
        return int(value)
    except ValueError:
        raise BadEnvironment(f"{name} must be a whole number.") from None


def flag(name: str, default: bool) -> bool:
    """The value of `name` as yes or no: 1, true, yes, on; 0, false, no, off."""
    value = text(name)
    if value is None:
        return default
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off"}:
        return False
    raise BadEnvironment(f"{name} must be 1 or 0.")


def words(name: str) -> list[str]:
    """The comma-separated values of `name`, without blanks."""
    return [word.strip() for word in text(name, "").split(",") if word.strip()]
