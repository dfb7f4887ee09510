"""Public ids: a prefix that tells the kind, and 160 random bits that tell nothing."""

import secrets

_BYTES = 20


def new(prefix: str) -> str:
    """A fresh id such as ``resp_6f…``; unguessable, so that knowing one id helps nobody to another."""
    return f"{prefix}_{secrets.token_hex(_BYTES)}"
