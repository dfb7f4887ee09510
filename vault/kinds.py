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
    """A kind of credential: a slug, its name in a sentence, its shape, and what is worth knowing when storing one."""

    slug: str
    name: str
    pattern: str
    hint: str = ""


KINDS = (
    Kind(
        "stripe-live-key",
        "a Stripe live key",
        r"^[sr]k_live_[0-9A-Za-z]{10,}$",
        "A restricted key with few rights makes a good cover.",
    ),
    Kind("stripe-test-key", "a Stripe test key", r"^[sr]k_test_[0-9A-Za-z]{10,}$", "It works on test data only."),
    Kind("webhook-secret", "a Stripe webhook secret", r"^whsec_[0-9A-Za-z+/=]{16,}$"),
    Kind(
        "aws-access-key",
        "an AWS access key id",
        r"^(AKIA|ASIA)[0-9A-Z]{16}$",
        "The secret access key that belongs to it is another value.",
    ),
    Kind("github-token", "a GitHub token", r"^(gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{22,})$"),
    Kind("gitlab-token", "a GitLab token", r"^glpat-[0-9A-Za-z_\-.]{20,}$"),
    Kind("slack-token", "a Slack token", r"^xox[abeoprs]-[0-9A-Za-z-]{10,}$"),
    Kind(
        "discord-token", "a Discord bot token", r"^[MNO][0-9A-Za-z_-]{22,27}\.[0-9A-Za-z_-]{6}\.[0-9A-Za-z_-]{27,38}$"
    ),
    Kind("anthropic-key", "an Anthropic key", r"^sk-ant-[0-9A-Za-z_-]{20,}$"),
    Kind("openai-key", "an OpenAI key", r"^sk-(proj-|svcacct-|admin-)?[0-9A-Za-z_-]{20,}$"),
    Kind("huggingface-token", "a Hugging Face token", r"^hf_[0-9A-Za-z]{30,}$"),
    Kind("google-api-key", "a Google API key", r"^AIza[0-9A-Za-z_-]{35}$"),
    Kind(
        "google-service-account",
        "a Google service account",
        r'^\s*\{[\s\S]*"type"\s*:\s*"service_account"',
        "It needs the 4096-byte room.",
    ),
    Kind("azure-client-secret", "an Azure client secret", r"^[0-9A-Za-z_~.]{3}[0-9]Q~[0-9A-Za-z_~.-]{31,34}$"),
    Kind("azure-storage-key", "an Azure storage key", r"^[0-9A-Za-z/+]{86}==$"),
    Kind("digitalocean-token", "a DigitalOcean token", r"^do[opr]_v1_[0-9a-f]{64}$"),
    Kind(
        "twilio-api-key", "a Twilio API key id", r"^SK[0-9a-f]{32}$", "The secret that belongs to it is another value."
    ),
    Kind("sendgrid-key", "a SendGrid key", r"^SG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{16,64}$"),
    Kind("mailgun-key", "a Mailgun key", r"^key-[0-9a-f]{32}$"),
    Kind("resend-key", "a Resend key", r"^re_[0-9A-Za-z]{8}_[0-9A-Za-z]{24}$"),
    Kind("npm-token", "an npm token", r"^npm_[0-9A-Za-z]{36}$"),
    Kind("pypi-token", "a PyPI token", r"^pypi-[0-9A-Za-z_-]{16,}$"),
    Kind("linear-key", "a Linear key", r"^lin_api_[0-9A-Za-z]{40}$"),
    Kind("notion-token", "a Notion token", r"^(ntn_[0-9A-Za-z]{40,}|secret_[0-9A-Za-z]{43})$"),
    Kind("shopify-token", "a Shopify token", r"^shp(at|ca|pa|ss)_[0-9a-fA-F]{32}$"),
    Kind("square-token", "a Square token", r"^(EAAA[0-9A-Za-z_-]{60}|sq0(atp|csp)-[0-9A-Za-z_-]{22,43})$"),
    Kind(
        "private-key",
        "a private key",
        r"^\s*-----BEGIN [A-Z ]*PRIVATE KEY-----",
        "Choose a room that it fits into with its line ends.",
    ),
    Kind(
        "json-web-token",
        "a JSON web token",
        r"^eyJ[0-9A-Za-z_-]+\.eyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*$",
        "It may run out; a refreshable key lasts.",
    ),
    Kind(
        "database-address",
        "a database address",
        r"^(postgres|postgresql|mysql|mariadb|mongodb|mongodb\+srv|redis|rediss|amqp|amqps)(\+[a-z0-9]+)?://\S+@\S+$",
        "The password is part of it.",
    ),
    # Last, since it has no mark of its own.
    Kind("aws-secret-key", "an AWS secret access key", r"^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9/+])[0-9A-Za-z/+]{40}$"),
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
    """Pattern, sentence and slug of each as JSON, for `static/js/kinds.js`."""
    return json.dumps([[kind.pattern, sentence(kind), kind.slug] for kind in KINDS])
