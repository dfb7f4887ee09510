"""Look-alikes: taken for what they imitate by shape, checksum and inner structure; never twice the same.

None of these tests asks for the database, so that a generator that kept something would be refused it.
"""

import base64
import json
import time
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from vault import kinds, row
from vault.lookalikes import CATALOGUE, KINDS, LookAlike, make
from vault.lookalikes.alphabets import crc32_base62, luhn, numbered

TRIES = 25  # enough that a rule that is broken now and then is seen


def each(group_or_slug: str) -> list[str]:
    return [make(group_or_slug) for _ in range(TRIES)]


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=list(CATALOGUE))
def test_is_suggested_as_the_kind_that_it_imitates(kind: LookAlike) -> None:
    for value in [kind.make() for _ in range(2 if kind.slow else TRIES)]:
        found = kinds.suggest(value)
        if kind.shape:
            assert (found.slug if found else "") == kind.shape
        # Shapes without a mark of their own: 40 characters may look like an AWS secret, 32 hex digits like nothing.
        elif found:
            assert found.slug == "aws-secret-key"


def test_every_shape_but_none_more_can_be_made() -> None:
    assert {kind.shape for kind in CATALOGUE.values()} - {""} == {kind.slug for kind in kinds.KINDS}


@pytest.mark.parametrize("slug", [slug for slug, kind in CATALOGUE.items() if not kind.slow])
def test_each_is_fresh_and_fits_into_a_band(slug: str) -> None:
    values = {make(slug) for _ in range(TRIES)}
    # An address of a mailbox has few forms; nothing else comes twice.
    assert len(values) > (1 if slug == "email-address" else TRIES - 1)
    assert all(len(value.encode()) <= row.longest(row.DEFAULT_BAND) for value in values)


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(KeyError):
        make("no-such-kind")
    assert all(KINDS[slug] for slug in CATALOGUE)


def test_the_checksum_is_githubs() -> None:
    # An expired token that its maker published as an example: github.com/therootcompany/base62-token.js
    assert crc32_base62("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ") == "0mLq17"


@pytest.mark.parametrize("slug", ["github-pat-classic", "github-oauth-token", "github-app-token", "npm-publish-token"])
def test_checksums_hold(slug: str) -> None:
    for value in each(slug):
        body = value.partition("_")[2]
        assert len(body) == 36
        assert crc32_base62(body[:-6]) == body[-6:]


def test_aws_key_ids_name_an_account() -> None:
    def account(value: str) -> int:
        number = int.from_bytes(base64.b32decode(value[4:])[:6], "big")
        return (number & 0x7FFFFFFFFF80) >> 7

    # A published pair of key and account: hackingthe.cloud, "Get Account ID from AWS Access Keys".
    assert account("ASIA" + "QNZGKIQY56JQ7WML") == 29608264753
    assert all(10**11 <= account(value) < 10**12 for value in each("aws-access-key"))


def test_lengths_are_the_providers() -> None:
    lengths = {
        "stripe-live-key": 107,
        "stripe-test-key": 107,
        "github-pat-fine": 93,
        "openai-key": 164,
        "anthropic-key": 108,
        "aws-secret-key": 40,
        "azure-storage-key": 88,
        "azure-client-secret": 40,
        "notion-token": 50,
        "resend-key": 36,
        "huggingface-token": 37,
        "gcp-api-key": 39,
    }
    assert {slug: {len(value) for value in each(slug)} for slug in lengths} == {
        slug: {length} for slug, length in lengths.items()
    }


def test_base64_is_canonical() -> None:
    for value in each("azure-storage-key") + each("aws-secret-key"):
        assert base64.b64encode(base64.b64decode(value)).decode() == value


def test_a_web_token_can_be_read_and_has_not_run_out() -> None:
    now = time.time()
    for value in each("jwt-token"):
        header, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in value.split("."))
        assert json.loads(header) == {"alg": "HS256", "typ": "JWT"}
        told = json.loads(claims)
        assert {"iss", "sub", "aud", "jti"} <= told.keys()
        assert now - 8 * 86_400 < told["iat"] <= now < told["exp"]
        assert len(signature) == 32


@pytest.mark.parametrize(
    ("slug", "scheme", "port"),
    [
        ("postgres-uri", "postgresql", 5432),
        ("mysql-uri", "mysql", 3306),
        ("mongodb-uri", "mongodb+srv", None),
        ("redis-uri", "redis", 6379),
        ("amqp-uri", "amqp", 5672),
    ],
)
def test_database_addresses_are_addresses(slug: str, scheme: str, port: int | None) -> None:
    for value in each(slug):
        address = urlsplit(value)
        assert (address.scheme, address.port) == (scheme, port)
        assert address.hostname
        assert address.username
        assert len(address.password or "") >= 24
        assert len(address.path) > 1


@pytest.mark.parametrize("slug", ["private-key-pem", "private-key-ec", "private-key-rsa"])
def test_private_keys_load(slug: str) -> None:
    assert serialization.load_pem_private_key(make(slug).encode(), None)


def test_a_service_account_holds_a_key_that_loads() -> None:
    account = json.loads(make("gcp-service-account-key"))
    assert account["type"] == "service_account"
    assert account["project_id"] in account["client_email"]
    assert serialization.load_pem_private_key(account["private_key"].encode(), None)


def test_a_solana_key_fits_its_public_half() -> None:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    for value in each("solana-private-key"):
        number = 0
        for character in value:
            number = number * 58 + alphabet.index(character)
        seed, public = number.to_bytes(64, "big")[:32], number.to_bytes(64, "big")[32:]
        assert ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() == public


def test_a_pypi_token_is_a_macaroon_of_pypi() -> None:
    for value in each("pypi-token"):
        assert value.startswith("pypi-AgEIcHlwaS5vcmcCJ")
        packed = value.removeprefix("pypi-")
        assert base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))[-34:-32] == b"\x06\x20"


def test_check_digits_hold() -> None:
    assert luhn("7992739871") == "3"  # ISO/IEC 7812-1's usual example
    assert all(luhn(value[:-1]) == value[-1] for value in each("credit-card") + each("imei"))
    assert all(luhn("80840" + value[:-1]) == value[-1] for value in each("us-npi"))
    assert int(numbered("WEST12345698765432" + "GB82")) % 97 == 1  # the example of the IBAN registry
    assert all(int(numbered(value[4:] + value[:4])) % 97 == 1 for value in each("iban"))
    assert luhn(numbered("US037833100")) == "5"  # Apple's ISIN
    assert all(luhn(numbered(value[:-1])) == value[-1] for value in each("isin"))
    assert all(int(numbered(value)) % 97 == 1 for value in each("lei"))
    weights = (3, 7, 1) * 3
    for value in each("us-routing-number"):
        assert sum(int(digit) * weight for digit, weight in zip(value, weights, strict=True)) % 10 == 0


def test_numbers_that_are_never_given_out_are_not_made() -> None:
    for value in each("us-ssn"):
        area, group, serial = value.split("-")
        assert area not in {"000", "666"}
        assert group != "00"
        assert serial != "0000"
        assert area < "900"
    assert not any(value[:2] in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"} for value in each("uk-ni-number"))
