"""A workspace's slug, made from its name."""

import re
import secrets
import unicodedata

from tenants.models import Tenant, valid_slug

LONGEST = 40


def free(name: str) -> str:
    """A slug that nobody has: from the name, with a short random tail when the plain one is taken."""
    plain = from_name(name)
    if plain and not Tenant.objects.filter(slug=plain).exists():
        return plain
    return f"{(plain or 'workspace')[: LONGEST - 5]}-{secrets.token_hex(2)}"


def from_name(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name)[:LONGEST].strip("-")


def check(slug: str) -> None:
    """Raises ValidationError with a sentence."""
    valid_slug(slug)
