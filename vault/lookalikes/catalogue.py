"""The kinds of look-alikes: a slug, a title, what makes one, and what `vault.kinds` should take it for."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from deny_sh import generate_honey_decoy

from vault.lookalikes import documents, numbers, tokens

KEYS, NUMBERS = "Keys and tokens", "Numbers and addresses"


@dataclass(frozen=True, slots=True)
class LookAlike:
    """One kind. `shape` is the slug of the `vault.kinds.Kind` that it is taken for, empty where there is none;
    `slow` ones take some tens of milliseconds, and are not made in advance."""

    slug: str
    title: str
    make: Callable[[], str]
    shape: str = ""
    group: str = KEYS
    slow: bool = False


def _denysh(type_tag: str) -> str:
    return generate_honey_decoy(type_tag, secrets.token_bytes(32), secrets.token_bytes(32))


# (slug, title, maker, shape); a maker that is a text is deny.sh's type of that name.
_KEYS: tuple[tuple[str, str, Callable[[], str] | str, str], ...] = (
    ("stripe-live-key", "Stripe live key", partial(tokens.stripe, "sk_live"), "stripe-live-key"),
    ("stripe-restricted-key", "Stripe restricted live key", partial(tokens.stripe, "rk_live"), "stripe-live-key"),
    ("stripe-test-key", "Stripe test key", partial(tokens.stripe, "sk_test"), "stripe-test-key"),
    ("stripe-webhook-secret", "Stripe webhook secret", tokens.stripe_webhook_secret, "webhook-secret"),
    ("aws-access-key", "AWS access key id", tokens.aws_access_key_id, "aws-access-key"),
    ("aws-secret-key", "AWS secret access key", tokens.aws_secret_access_key, "aws-secret-key"),
    ("github-pat-classic", "GitHub token, classic", partial(tokens.checked, "ghp"), "github-token"),
    ("github-pat-fine", "GitHub token, fine-grained", tokens.github_fine_grained, "github-token"),
    ("github-oauth-token", "GitHub OAuth token", partial(tokens.checked, "gho"), "github-token"),
    ("github-app-token", "GitHub app token", partial(tokens.checked, "ghs"), "github-token"),
    ("gitlab-pat", "GitLab token", "gitlab-pat", "gitlab-token"),
    ("slack-bot-token", "Slack bot token", partial(tokens.slack, "xoxb"), "slack-token"),
    ("slack-user-token", "Slack user token", partial(tokens.slack, "xoxp"), "slack-token"),
    ("discord-bot-token", "Discord bot token", tokens.discord, "discord-token"),
    ("openai-key", "OpenAI key", tokens.openai, "openai-key"),
    ("anthropic-key", "Anthropic key", tokens.anthropic, "anthropic-key"),
    ("huggingface-token", "Hugging Face token", tokens.hugging_face, "huggingface-token"),
    ("gcp-api-key", "Google API key", tokens.google_api_key, "google-api-key"),
    ("gcp-service-account-key", "Google service account", documents.google_service_account, "google-service-account"),
    ("azure-client-secret", "Azure client secret", tokens.azure_client_secret, "azure-client-secret"),
    ("azure-storage-key", "Azure storage key", tokens.azure_storage_key, "azure-storage-key"),
    ("digitalocean-pat", "DigitalOcean token", "digitalocean-pat", "digitalocean-token"),
    ("cloudflare-api-token", "Cloudflare API token", "cloudflare-api-token", ""),
    ("twilio-auth-token", "Twilio auth token", tokens.twilio_auth_token, ""),
    ("twilio-api-key", "Twilio API key id", "twilio-auth-token", "twilio-api-key"),
    ("sendgrid-key", "SendGrid key", "sendgrid-key", "sendgrid-key"),
    ("mailgun-api-key", "Mailgun key", "mailgun-api-key", "mailgun-key"),
    ("resend-key", "Resend key", tokens.resend, "resend-key"),
    ("npm-publish-token", "npm token", partial(tokens.checked, "npm"), "npm-token"),
    ("pypi-token", "PyPI token", tokens.pypi, "pypi-token"),
    ("linear-api-key", "Linear key", "linear-api-key", "linear-key"),
    ("notion-token", "Notion token", tokens.notion, "notion-token"),
    ("shopify-token", "Shopify token", "shopify-token", "shopify-token"),
    ("square-token", "Square token", "square-token", "square-token"),
    ("jwt-token", "JSON web token", documents.json_web_token, "json-web-token"),
    ("postgres-uri", "PostgreSQL address", documents.postgresql, "database-address"),
    ("mysql-uri", "MySQL address", documents.mysql, "database-address"),
    ("mongodb-uri", "MongoDB address", documents.mongodb, "database-address"),
    ("redis-uri", "Redis address", documents.redis, "database-address"),
    ("amqp-uri", "RabbitMQ address", documents.amqp, "database-address"),
    ("private-key-pem", "Private key, Ed25519", documents.private_key, "private-key"),
    ("private-key-ec", "Private key, P-256", documents.ec_private_key, "private-key"),
    ("private-key-rsa", "Private key, RSA", documents.rsa_private_key, "private-key"),
    ("ethereum-private-key", "Ethereum private key", "ethereum-private-key", ""),
    ("bitcoin-wif", "Bitcoin private key", "bitcoin-wif", ""),
    ("solana-private-key", "Solana private key", documents.solana_private_key, ""),
    ("bip39-phrase", "Wallet phrase of twelve words", "bip39-phrase", ""),
)

_NUMBERS: tuple[tuple[str, str, Callable[[], str] | str], ...] = (
    ("iban", "IBAN", numbers.iban),
    ("credit-card", "Card number", numbers.credit_card),
    ("us-routing-number", "US routing number", "us-routing-number"),
    ("us-bank-account", "US bank account", "us-bank-account"),
    ("bic-swift", "BIC", numbers.bic),
    ("lei", "LEI", "lei"),
    ("isin", "ISIN", numbers.isin),
    ("cusip", "CUSIP", "cusip"),
    ("duns", "D-U-N-S number", "duns"),
    ("us-ein", "US employer number (EIN)", "us-ein"),
    ("us-ssn", "US social security number", numbers.social_security_number),
    ("us-itin", "US taxpayer number (ITIN)", "us-itin"),
    ("us-npi", "US provider number (NPI)", "us-npi"),
    ("us-dea-number", "US DEA number", "us-dea-number"),
    ("us-medicare-mbi", "US Medicare number", "us-medicare-mbi"),
    ("us-ndc", "US drug code", "us-ndc"),
    ("us-passport", "US passport number", "us-passport"),
    ("uscis-number", "USCIS number", "uscis-number"),
    ("uk-nhs-number", "UK NHS number", "uk-nhs-number"),
    ("uk-ni-number", "UK national insurance number", numbers.national_insurance_number),
    ("aadhaar", "Aadhaar number", "aadhaar"),
    ("eidas-id", "eIDAS identifier", "eidas-id"),
    ("passport-mrz", "Passport's machine-readable lines", "passport-mrz"),
    ("email-address", "E-mail address", "email-address"),
    ("phone-e164", "Telephone number", numbers.phone),
    ("ipv4-address", "IPv4 address", "ipv4-address"),
    ("ipv6-address", "IPv6 address", "ipv6-address"),
    ("mac-address", "MAC address", "mac-address"),
    ("imei", "IMEI", "imei"),
    ("vin", "Vehicle number (VIN)", "vin"),
    ("uuid", "UUID", "uuid"),
)

_SLOW = {"gcp-service-account-key", "private-key-rsa"}  # an RSA key each


def _maker(named: Callable[[], str] | str) -> Callable[[], str]:
    return partial(_denysh, named) if isinstance(named, str) else named


def _catalogue() -> Iterable[LookAlike]:
    for slug, title, maker, shape in _KEYS:
        yield LookAlike(slug, title, _maker(maker), shape, slow=slug in _SLOW)
    for slug, title, maker in _NUMBERS:
        yield LookAlike(slug, title, _maker(maker), group=NUMBERS)


CATALOGUE: dict[str, LookAlike] = {kind.slug: kind for kind in _catalogue()}
