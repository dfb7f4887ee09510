"""What a value looks like, guessed from its shape, as a word of help beside the form. Nothing is stored or recorded.

The patterns run in the browser too, so they keep to what Python's and JavaScript's expressions have in common. Sources:
the providers' own documents, and GitHub's list of secret scanning patterns.
"""

import json
import re
from dataclasses import dataclass

_MOST = 20_000  # characters that are looked at


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of credential: its name in a sentence, its shape, and what is worth knowing when storing one."""

    name: str
    pattern: str
    hint: str = ""


KINDS = (
    Kind("a Stripe live key", r"^[sr]k_live_[0-9A-Za-z]{10,}$", "A restricted key with few rights makes a good cover."),
    Kind("a Stripe test key", r"^[sr]k_test_[0-9A-Za-z]{10,}$", "It works on test data only."),
    Kind("a Stripe webhook secret", r"^whsec_[0-9A-Za-z+/=]{16,}$"),
    Kind(
        "an AWS access key id",
        r"^(AKIA|ASIA)[0-9A-Z]{16}$",
        "The secret access key that belongs to it is another value.",
    ),
    Kind("an AWS secret access key", r"^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9/+])[0-9A-Za-z/+]{40}$"),
    Kind("a GitHub token", r"^(gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{22,})$"),
    Kind("a GitLab token", r"^glpat-[0-9A-Za-z_\-.]{20,}$"),
    Kind("a Slack token", r"^xox[abeoprs]-[0-9A-Za-z-]{10,}$"),
    Kind("an Anthropic key", r"^sk-ant-[0-9A-Za-z_-]{20,}$"),
    Kind("an OpenAI key", r"^sk-(proj-|svcacct-|admin-)?[0-9A-Za-z_-]{20,}$"),
    Kind("a Google API key", r"^AIza[0-9A-Za-z_-]{35}$"),
    Kind("a Google service account", r'^\s*\{[\s\S]*"type"\s*:\s*"service_account"', "It needs the 4096-byte room."),
    Kind("a SendGrid key", r"^SG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{16,64}$"),
    Kind("an npm token", r"^npm_[0-9A-Za-z]{36}$"),
    Kind("a PyPI token", r"^pypi-[0-9A-Za-z_-]{16,}$"),
    Kind(
        "a private key",
        r"^\s*-----BEGIN [A-Z ]*PRIVATE KEY-----",
        "Choose a room that it fits into with its line ends.",
    ),
    Kind(
        "a JSON web token",
        r"^eyJ[0-9A-Za-z_-]+\.eyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*$",
        "It may run out; a refreshable key lasts.",
    ),
    Kind(
        "a database address",
        r"^(postgres|postgresql|mysql|mariadb|mongodb|mongodb\+srv|redis|rediss|amqp|amqps)://\S+@\S+$",
        "The password is part of it.",
    ),
)


def suggest(value: str) -> Kind | None:
    """The kind that the value looks like, if it looks like one."""
    text = value.strip()
    if len(text) > _MOST:
        return None
    return next((kind for kind in KINDS if re.search(kind.pattern, text, re.ASCII)), None)


def sentence(kind: Kind) -> str:
    return f"This looks like {kind.name}. {kind.hint}".strip()


def for_browsers() -> str:
    """The patterns and sentences as JSON, for `static/js/kinds.js`."""
    return json.dumps([[kind.pattern, sentence(kind)] for kind in KINDS])
