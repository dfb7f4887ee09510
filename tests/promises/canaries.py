"""Made-up credentials that every encoding changes."""

import secrets
import string

_PLAIN = string.ascii_letters + string.digits
# What URLs, JSON, HTML, form posts and both alphabets of Base64 write differently; nothing that a header cannot carry.
_CHANGING = "\"\\/+=&%<>'?#~ "


def canary() -> str:
    """Runs of random letters and digits, 10 or longer so that a piece of 8 survives any escaping, between characters
    that escaping changes."""
    runs = ["".join(secrets.choice(_PLAIN) for _ in range(10)) for _ in range(4)]
    return runs[0] + _CHANGING[:5] + runs[1] + _CHANGING[5:10] + runs[2] + _CHANGING[10:] + runs[3]
