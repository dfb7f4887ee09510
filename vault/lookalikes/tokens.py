"""Providers' keys and tokens that are a prefix and random characters, in the lengths that are issued today.

Sources: the providers' documents, GitHub's list of secret scanning patterns, and the rules of gitleaks. Where a token
holds a checksum or an account's number that is publicly known, it is right here: a checker that needs no network finds
nothing to object to.
"""

import base64
import secrets
import time
import uuid

from vault.lookalikes.alphabets import BASE32, BASE62, DIGITS, HEX, LETTERS, URL, crc32_base62, draw

# What separates OpenAI's two random halves: "OpenAI" in base64.
_OPENAI = "T3BlbkFJ"
_DISCORD_EPOCH = 1_420_070_400_000  # milliseconds; discord.com/developers/docs/reference#snowflakes


def stripe(prefix: str) -> str:
    """107 characters; the account's id, which begins with 1, stands behind a 5."""
    return f"{prefix}_51{secrets.choice('HIJKLMNPQRS')}{draw(BASE62, 107 - len(prefix) - 4)}"


def checked(prefix: str) -> str:
    """GitHub's and npm's: 30 random characters and their checksum."""
    body = draw(BASE62, 30)
    return f"{prefix}_{body}{crc32_base62(body)}"


def github_fine_grained() -> str:
    """93 characters, the owner's number in capitals first. Whether it holds a checksum is not documented."""
    return f"github_pat_11{draw(BASE32, 8)}0{draw(BASE62, 11)}_{draw(BASE62, 59)}"


def aws_access_key_id() -> str:
    """AKIA and base 32, whose first 40 bits hold an account's number of twelve digits."""
    account = 10**11 + secrets.randbelow(9 * 10**11)
    # Bits 7 to 46 of the first six bytes; a key made after 2019 has the topmost bit set.
    number = 1 << 47 | account << 7 | secrets.randbits(7)
    return "AKIA" + base64.b32encode(number.to_bytes(6, "big") + secrets.token_bytes(4)).decode()


def aws_secret_access_key() -> str:
    """30 bytes in base64; again where chance left out the letters' cases or the digits that tell it from a hash."""
    while True:
        value = base64.b64encode(secrets.token_bytes(30)).decode()
        if value != value.lower() and value != value.upper() and set(value) & set(DIGITS + "/+"):
            return value


def openai() -> str:
    return f"sk-proj-{draw(URL, 74)}{_OPENAI}{draw(URL, 74)}"


def anthropic() -> str:
    return f"sk-ant-api03-{draw(URL, 93)}AA"


def google_api_key() -> str:
    return f"AIzaSy{draw(URL, 33)}"


def azure_client_secret() -> str:
    return f"{draw(BASE62, 3)}8Q~{draw(BASE62 + '_-.~', 34)}"


def azure_storage_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


def stripe_webhook_secret() -> str:
    return f"whsec_{draw(BASE62, 32)}"


def slack(prefix: str) -> str:
    numbers = "-".join(secrets.choice("123456789") + draw(DIGITS, 12) for _ in range(2 if prefix == "xoxb" else 3))
    return f"{prefix}-{numbers}-{draw(BASE62, 24) if prefix == 'xoxb' else draw(HEX, 32)}"


def discord() -> str:
    """A bot's number, made from a time, in base64; a time; and a signature."""
    made = int(time.time() * 1000) - secrets.randbelow(4 * 365 * 86_400_000) - _DISCORD_EPOCH
    number = str(made << 22 | secrets.randbits(22))
    return f"{_url64(number.encode())}.G{draw(URL, 5)}.{draw(URL, 38)}"


def pypi() -> str:
    """A macaroon (libmacaroons' format 2) of pypi.org for a person's number, with a signature of noise."""
    location, identifier = _field(1, b"pypi.org"), _field(2, str(uuid.uuid4()).encode())
    caveat, signature = _field(2, f'[3,"{uuid.uuid4()}"]'.encode()), _field(6, secrets.token_bytes(32))
    return "pypi-" + _url64(b"\2" + location + identifier + b"\0" + caveat + b"\0\0" + signature)


def notion() -> str:
    return f"ntn_{draw(DIGITS, 11)}{draw(BASE62, 35)}"


def resend() -> str:
    return f"re_{draw(BASE62, 8)}_{draw(BASE62, 24)}"


def hugging_face() -> str:
    return f"hf_{draw(LETTERS, 34)}"


def twilio_auth_token() -> str:
    return draw(HEX, 32)


def _field(kind: int, data: bytes) -> bytes:
    return bytes((kind, len(data))) + data


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
