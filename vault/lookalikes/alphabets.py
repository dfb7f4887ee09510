"""Characters drawn at random, and the checksums that some tokens and numbers end with."""

import secrets
import string
import zlib

DIGITS = string.digits
UPPER = string.ascii_uppercase
LETTERS = string.ascii_letters
HEX = "0123456789abcdef"
BASE32 = UPPER + "234567"  # RFC 4648
BASE62 = DIGITS + UPPER + string.ascii_lowercase
BASE64 = LETTERS + DIGITS + "+/"
URL = LETTERS + DIGITS + "-_"  # RFC 4648's base64url


def draw(alphabet: str, length: int) -> str:
    """`length` characters, each as likely as any other."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def crc32_base62(payload: str) -> str:
    """The six characters that GitHub's and npm's tokens end with.

    CRC-32 of the payload in base 62, digits first, with zeros in front: "Behind GitHub's new authentication token
    formats" (github.blog, 5 April 2021).
    """
    rest, text = zlib.crc32(payload.encode()), ""
    while rest:
        rest, digit = divmod(rest, 62)
        text = BASE62[digit] + text
    return text.rjust(6, "0")


def luhn(body: str) -> str:
    """The check digit of ISO/IEC 7812-1 behind a body of digits."""
    total = 0
    for place, character in enumerate(reversed(body)):
        doubled = int(character) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def numbered(text: str) -> str:
    """Letters as two digits each, A is 10, as IBANs and ISINs are computed."""
    return "".join(str(int(character, 36)) for character in text)
