"""The search for secrets finds a planted copy in every form, and nothing where nothing is."""

import base64
import html
import json
import random
from collections.abc import Callable
from functools import cache
from urllib.parse import quote, quote_plus

import pytest

from tests.promises.canaries import canary
from tests.promises.scanner import PIECE, Scanner, Secret

CANARY = canary()


def _broken_over_lines(secret: bytes) -> bytes:
    return base64.encodebytes(b"some text before it, so that a line ends within " + secret)


DRESSES: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "upper": bytes.upper,
    "lower": bytes.lower,
    "reversed": lambda secret: secret[::-1],
    "hex": lambda secret: secret.hex().encode(),
    "HEX": lambda secret: secret.hex().upper().encode(),
    "hex with blanks": lambda secret: secret.hex(" ").encode(),
    "base64, alignment 0": base64.b64encode,
    "base64, alignment 1": lambda secret: base64.b64encode(b"x" + secret + b"tail"),
    "base64, alignment 2": lambda secret: base64.b64encode(b"xy" + secret + b"tail"),
    "base64, no padding": lambda secret: base64.b64encode(secret).rstrip(b"="),
    "base64, URL-safe": lambda secret: base64.urlsafe_b64encode(b"x" + secret),
    "base64, over lines": _broken_over_lines,
    "URL-encoded": lambda secret: quote(secret, safe="").encode(),
    "URL-encoded, plus": lambda secret: quote_plus(secret, safe="").encode(),
    "URL-encoded, all of it": lambda secret: b"".join(b"%%%02X" % byte for byte in secret),
    "JSON": lambda secret: json.dumps(secret.decode()).encode(),
    "JSON in JSON": lambda secret: json.dumps(json.dumps({"a": secret.decode()})).encode(),
    "JSON, all escapes": lambda secret: "".join(f"\\u{byte:04x}" for byte in secret).encode(),
    "HTML": lambda secret: html.escape(secret.decode()).encode(),
    "a repr": lambda secret: repr(secret).encode(),
    "a repr, all escapes": lambda secret: "".join(f"\\x{byte:02x}" for byte in secret).encode(),
    "UTF-16": lambda secret: secret.decode().encode("utf-16"),
}


def _piece(at: int) -> Callable[[bytes], bytes]:
    return lambda secret: secret[at : at + PIECE]


DRESSES |= {f"piece {at}": _piece(at) for at in range(len(CANARY) - PIECE + 1)}


@cache
def noise(size: int = 40_000) -> bytes:
    return random.Random(7).randbytes(size // 2) + base64.b64encode(random.Random(8).randbytes(size * 3 // 8))


@pytest.mark.parametrize("dress", DRESSES)
def test_a_planted_copy_is_found(dress: str) -> None:
    scanner = Scanner(Secret("canary", CANARY))
    data, planted = noise(), DRESSES[dress](CANARY.encode())
    for at in (0, 14_001, len(data)):
        assert scanner.scan("planted", data[:at] + planted + data[at:]), f"not found at {at}"


def test_what_is_not_there_is_not_found() -> None:
    others = [canary() for _ in range(50)]
    data = noise(1_000_000) + " ".join(others).encode() + base64.b64encode(" ".join(others).encode())
    scanner = Scanner(Secret("canary", CANARY), Secret("words", "a sentence of words", whole_only=True))
    assert scanner.scan("nothing", data + b"a sentence of word") == []
    assert scanner.scanned["nothing"] > 1_000_000


def test_words_are_found_as_a_whole() -> None:
    scanner = Scanner(Secret("words", "a sentence of words", whole_only=True))
    for found in (
        b"A SENTENCE OF WORDS",
        base64.b64encode(b"xa sentence of words"),
        b"a sentence of words".hex().encode(),
    ):
        assert scanner.scan("planted", b"before" + found + b"after")


def test_a_hit_does_not_repeat_what_it_found() -> None:
    (hit, *_) = Scanner(Secret("canary", CANARY)).scan("place", CANARY.encode())
    shown = repr(hit) + repr(Secret("canary", CANARY))
    assert not Scanner(Secret("canary", CANARY)).scan("shown", shown.encode())
