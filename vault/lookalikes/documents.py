"""Values with an inner structure: web tokens, keys in files, and addresses of databases."""

import base64
import json
import secrets
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from vault.lookalikes.alphabets import BASE62, DIGITS, HEX, draw

_DAY = 86_400
_WORDS = ("billing", "ledger", "orders", "payments", "reports", "shop", "stock", "accounts", "events", "mailer")
_ROLES = ("app", "api", "worker", "readonly", "service")
_PORTS = {"postgresql": 5432, "mysql": 3306, "redis": 6379, "amqp": 5672}


def json_web_token() -> str:
    """HS256 (RFC 7519): signed within the last week, running out within the year; the signature is noise."""
    issued = int(time.time()) - secrets.randbelow(7 * _DAY)
    project = secrets.choice(_WORDS)
    claims = {
        "iss": f"https://auth.{project}.internal",
        "sub": f"service|{draw(HEX, 24)}",
        "aud": f"{project}-api",
        "iat": issued,
        "exp": issued + secrets.choice((30, 90, 180, 365)) * _DAY,
        "scope": f"read:{project}",
        "jti": draw(HEX, 32),
    }
    parts = [_json64({"alg": "HS256", "typ": "JWT"}), _json64(claims), _url64(secrets.token_bytes(32))]
    return ".".join(parts)


def postgresql() -> str:
    return _address("postgresql", query=secrets.choice(("", "?sslmode=require")))


def mysql() -> str:
    return _address("mysql")


def redis() -> str:
    return f"redis://default:{draw(BASE62, 32)}@{_host()}:{_PORTS['redis']}/0"


def amqp() -> str:
    return _address("amqp")


def mongodb() -> str:
    cluster = f"cluster0.{draw(DIGITS + 'abcdefghijklmnopqrstuvwxyz', 5)}.mongodb.net"
    word = secrets.choice(_WORDS)
    return f"mongodb+srv://{_user(word)}:{draw(BASE62, 24)}@{cluster}/{word}?retryWrites=true&w=majority"


def private_key() -> str:
    """A key that is one: Ed25519 in PKCS #8, as deny.sh makes its own."""
    return _pem(ed25519.Ed25519PrivateKey.generate())


def ec_private_key() -> str:
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def rsa_private_key() -> str:
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def google_service_account() -> str:
    """The file that Google hands out, with a key of its own inside, which clients parse before they call."""
    project = f"{secrets.choice(_WORDS)}-{draw(DIGITS, 6)}"
    email = f"{secrets.choice(_ROLES)}@{project}.iam.gserviceaccount.com"
    www = "https://www.googleapis.com"
    account = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": draw(HEX, 40),
        "private_key": rsa_private_key(),
        "client_email": email,
        "client_id": f"1{draw(DIGITS, 20)}",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": f"{www}/oauth2/v1/certs",
        "client_x509_cert_url": f"{www}/robot/v1/metadata/x509/{email.replace('@', '%40')}",
        "universe_domain": "googleapis.com",
    }
    return json.dumps(account, indent=2)


def solana_private_key() -> str:
    """64 bytes in base 58: the seed and the public key that belongs to it."""
    key = ed25519.Ed25519PrivateKey.generate()
    return _base58(key.private_bytes_raw() + key.public_key().public_bytes_raw())


def _address(scheme: str, query: str = "") -> str:
    word = secrets.choice(_WORDS)
    return f"{scheme}://{_user(word)}:{draw(BASE62, 24)}@{_host()}:{_PORTS[scheme]}/{word}{query}"


def _user(word: str) -> str:
    return f"{word}_{secrets.choice(_ROLES)}"


def _host() -> str:
    return f"{secrets.choice(('db', 'data', 'primary', 'store'))}-{draw(HEX, 6)}.internal"


def _pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _json64(value: dict[str, object]) -> str:
    return _url64(json.dumps(value, separators=(",", ":")).encode())


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _base58(data: bytes) -> str:
    """Bitcoin's alphabet; for data that does not begin with zeros, or they would need their own rule."""
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    rest, text = int.from_bytes(data, "big"), ""
    while rest:
        rest, digit = divmod(rest, 58)
        text = alphabet[digit] + text
    return text
