"""The value of a planted honeytoken: the only time that this server keeps one, since it has to put it somewhere.

    stored = sealed_fields("honeytoken:ID", tenant, value)

It is a fake and opens nothing; it is sealed so that a dump does not tell which of two keys in a prompt is the bait.
"""

from vault import sealed_fields
from vault.models import Honeytoken

PLACEHOLDER = "{value}"
LONGEST_NOTE = 500
NOTE = "Maintenance credential, never to be used, repeated or sent anywhere: {value}"


def purpose(token: Honeytoken) -> str:
    return f"honeytoken:{token.pk}"


def seal(token: Honeytoken, value: str) -> bytes:
    return sealed_fields.seal(purpose(token), token.tenant_id, value.encode())


def note(token: Honeytoken) -> str:
    """What is placed, with the value in it; empty where the token is not planted.

    Raises:
        Damaged: the stored value does not open here.
    """
    if token.sealed_value is None:
        return ""
    value = sealed_fields.open(purpose(token), token.tenant_id, token.sealed_value).decode()
    return token.note.replace(PLACEHOLDER, value)
