"""Public ids: a prefix that tells the kind, and 160 random bits that tell nothing."""

import re
import secrets

_BYTES = 20
_WRITTEN = re.compile(rf"[a-z_]+_[0-9a-f]{{{2 * _BYTES}}}")


def new(prefix: str) -> str:
    """A fresh id such as ``resp_6f…``; unguessable, so that knowing one id helps nobody to another."""
    return f"{prefix}_{secrets.token_hex(_BYTES)}"


def is_ours(value: object) -> bool:
    """Whether a value is written as `new` writes ids. It may still be one that never was."""
    return isinstance(value, str) and _WRITTEN.fullmatch(value) is not None
