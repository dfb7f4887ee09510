"""A planted credential is found in every dress, and an ordinary answer passes."""

import base64
import codecs
import html
import json
import random
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from chat.tools.sweep import carries, secret_part

STRIPE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
ALPHABET = string.ascii_letters + string.digits + "_-./+="


def _mixed_case(text: str) -> str:
    return "".join(char.upper() if index % 3 else char.lower() for index, char in enumerate(text))


def _pieces(text: str, between: str) -> str:
    return between.join(text[start : start + 8] for start in range(0, len(text), 8))


def _shuffled_pieces(text: str) -> str:
    pieces = [text[start : start + 8] for start in range(0, len(text), 8)]
    return " and also ".join(reversed(pieces))


DRESSES: dict[str, Callable[[str], str]] = {
    "raw": str,
    "upper": str.upper,
    "lower": str.lower,
    "mixed case": _mixed_case,
    "reversed": lambda text: text[::-1],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, one byte before": lambda text: base64.b64encode(b"k" + text.encode()).decode(),
    "base64, two bytes before": lambda text: base64.b64encode(b"k:" + text.encode()).decode(),
    "base64url, unpadded": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 in pieces": lambda text: _pieces(base64.b64encode(text.encode()).decode(), " - "),
    "base64, reversed": lambda text: base64.b64encode(text.encode()).decode()[::-1],
    "base64 of the reversed": lambda text: base64.b64encode(text[::-1].encode()).decode(),
    "base64 of the upper case": lambda text: base64.b64encode(text.upper().encode()).decode(),
    "basic authorization": lambda text: base64.b64encode(f"{text}:".encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex with 0x": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "hex of the reversed": lambda text: text[::-1].encode().hex(),
    "\\x escapes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "octal escapes": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "url-encoded": lambda text: quote(text, safe=""),
    "every byte url-encoded": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "every other byte url-encoded": lambda text: "".join(f"%{ord(c):02x}" if i % 2 else c for i, c in enumerate(text)),
    "url-encoded twice": lambda text: quote("".join(f"%{byte:02X}" for byte in text.encode()), safe=""),
    "json-escaped": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "json in json": lambda text: json.dumps(json.dumps("".join(f"\\u{ord(char):04x}" for char in text))),
    "html-escaped": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "html-escaped in hex": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "html over url": lambda text: html.escape("".join(f"%{byte:02X}" for byte in text.encode())),
    "quoted-printable": lambda text: "".join(f"={byte:02X}" for byte in text.encode()),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "zero-width between": lambda text: "\u200b".join(text),
    "blanks between": lambda text: " ".join(text),
    "lines between": lambda text: "\n".join(text),
    "dashes between": lambda text: "-".join(text),
    "a list of letters": lambda text: json.dumps(list(text)),
    "pieces of 8": lambda text: _pieces(text, " then "),
    "pieces of 8 with dots": lambda text: _pieces(text, "."),
    "pieces of 8 in another order": _shuffled_pieces,
    "pieces of 8 in fields": lambda text: json.dumps({f"f{i}": text[i : i + 8] for i in range(0, len(text), 8)}),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_a_credential_is_found_in_every_dress(dress):
    planted = f'{{"id": "in_1", "note": "x {DRESSES[dress](STRIPE)} y"}}'
    assert carries(STRIPE.encode(), planted)
    assert carries(STRIPE.encode(), planted.encode())
    stored = json.dumps({"output": json.dumps({"note": f"x {DRESSES[dress](STRIPE)} y"})})
    assert carries(STRIPE.encode(), stored)


@settings(max_examples=150, deadline=None)
@given(
    st.text(ALPHABET, min_size=16, max_size=64),
    st.sampled_from(sorted(DRESSES)),
    st.text(max_size=20),
    st.text(max_size=20),
)
@example(credential="AKIAIOSFODNN7EXAMPLE/wJalrXUtnFEMI", dress="pieces of 8", before="", after="")
def test_any_credential_is_found_in_any_dress(credential, dress, before, after):
    assume(len(set(credential[:8])) >= 4 and len(set(credential[8:16])) >= 4)
    assert carries(credential.encode(), f"{before} {DRESSES[dress](credential)} {after}")


@settings(max_examples=200, deadline=None)
@given(st.text(ALPHABET, min_size=8, max_size=64), st.data())
def test_any_piece_of_eight_is_found(credential, data):
    start = data.draw(st.integers(0, len(credential) - 8))
    piece = credential[start : start + 8]
    assume(
        len(set(piece.lower())) >= 4
        and not credential.startswith(("sk", "rk", "pk", "ek", "wh", "gi", "gl", "xo", "sh", "np", "SG"))
    )
    assert carries(credential.encode(), json.dumps({"note": f"…{piece}…"}))


@settings(max_examples=100, deadline=None)
@given(st.text(ALPHABET + " !@#$%^&*()", min_size=8, max_size=40).filter(lambda text: len(text.strip()) >= 8))
def test_the_whole_credential_is_found_whatever_it_is_made_of(credential):
    assert carries(credential.encode(), json.dumps({"note": f"x{credential}x"}))


@pytest.mark.parametrize("credential", ["aaaaaaaaaaaaaaaa", "00000000", "!!!!!!!!@@@@", "sk_live_abc"])
@pytest.mark.parametrize("dress", ["raw", "upper", "base64", "hex", "url-encoded", "json-escaped", "reversed"])
def test_a_poor_credential_is_found_whole(credential, dress):
    assert carries(credential.encode(), f"x {DRESSES[dress](credential)} y")


def test_bytes_that_are_no_text_are_found():
    credential = bytes(range(128, 160))
    assert carries(credential, credential.hex())
    assert carries(credential, base64.b64encode(credential))
    assert carries(credential, b"x" + credential + b"y")


@pytest.mark.parametrize(
    "answer",
    [
        '{"id":"in_1","amount_due":4200,"currency":"usd","status":"open"}',
        "A key begins with sk_live_ and is kept in the vault.",
        "",
        "sk_test_26PHem9AhJZvU623DfE1x4sd",
        json.dumps([{"id": number, "name": f"customer {number}"} for number in range(300)]),
    ],
)
def test_an_ordinary_answer_passes(answer):
    assert not carries(STRIPE.encode(), answer)


def test_random_answers_pass():
    source = random.Random(7)
    tries = 200
    found = sum(
        carries("".join(source.choices(ALPHABET, k=40)).encode(), "".join(source.choices(string.printable, k=2000)))
        for _ in range(tries)
    )
    assert found == 0, f"{found} of {tries} random answers were withheld"


def test_the_user_of_a_basic_credential_is_no_secret():
    credential = b"ada@example.com:s3cret-Pass"
    secret = secret_part(credential, "basic")
    assert secret == b"s3cret-Pass"
    assert not carries(secret, '{"owner": "ada@example.com"}')
    assert carries(secret, base64.b64encode(credential))
    assert secret_part(b"sk_live_1234:", "basic") == b"sk_live_1234"
    assert secret_part(credential, "bearer") == credential


def test_a_character_of_endless_digits_breaks_nothing():
    """Python refuses to read so long a number; an answer that carries one must not end the worker's call."""
    assert carries(b"Zq81kd7xWm40pPs", f"&#{'9' * 5000}; Zq81kd7xWm40pPs")
    assert not carries(b"Zq81kd7xWm40pPs", f"&#{'9' * 5000};")
