"""Standard Webhooks signatures: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    secret    = "whsec_" ‖ base64(32 random bytes)
    signature = "v1," ‖ base64(HMAC-SHA256(the secret's bytes, id ‖ "." ‖ unix seconds ‖ "." ‖ body))

While a secret is being replaced, the header carries one signature for each of the two, with a blank between them.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

_PREFIX = "whsec_"
_BYTES = 32  # the specification asks for 24 to 64


def mint() -> str:
    """A new secret."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(keys: Iterable[str], event_id: str, timestamp: int, body: str) -> dict[str, str]:
    """The three headers that prove where `body` comes from and when, signed with each of `keys`."""
    message = f"{event_id}.{timestamp}.{body}".encode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(key, message) for key in keys),
    }


def _signature(key: str, message: bytes) -> str:
    secret = base64.b64decode(key.removeprefix(_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(secret, message, hashlib.sha256)).decode()
