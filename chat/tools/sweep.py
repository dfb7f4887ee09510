r"""The leak sweep: does a text carry a credential, in whatever dress?

`carries` looks for the whole credential and for any 8 characters of it in a row (a *piece*), in these forms: as it is,
upper, lower or mixed case, reversed, ROT13; Base64 (all three alignments, URL-safe, unpadded, broken over lines); hex
(either case, any separators); percent-encoded, HTML-escaped, JSON- and backslash-escaped, quoted-printable, each whole,
in part, or over one another up to three deep; full-width letters; with blanks, zero-width or other characters that are
not letters or digits strewn in; cut into pieces of 8 that stand anywhere in any order.

It works by bringing both sides to a common form (*views*) and looking up every piece of one in the other.

Where it errs, it errs towards withholding: 8 characters in a row that happen to be in an answer stop it. Three things
are not counted as pieces, since answers hold them all the time without any leak:

* the public beginning of a key (``sk_live_``, ``github_pat_``): a piece has to reach at least 4 characters beyond it;
* a piece of fewer than 4 different characters (``00000000``);
* the user's name of a `basic` credential ``user:password`` (see `secret_part`).

The whole credential counts always, whatever it is made of. What it cannot see: encryption, compression, another
alphabet, a piece under 8 characters between other words, an answer that says the credential in a sentence.
"""

import base64
import codecs
import re
from functools import cached_property

from vault import disguises

PIECE = 8
_MIN_DIFFERENT = 4
_BEYOND_PREFIX = 4
# Beginnings that say whose key it is: Stripe, OpenAI, Anthropic, GitHub, GitLab, Slack, Shopify, npm, SendGrid.
_PUBLIC_PREFIX = re.compile(
    r"(?:sk|rk|pk|ek)_(?:live|test)_|whsec_|sk-(?:proj|svcacct|admin)-|sk-ant-(?:api\d\d-)?|github_pat_|glpat-|xox[a-z]-"
    r"|shp[a-z]{2}_|npm_|SG\."
)
_BASE64_PIECE = 10  # the Base64 characters that depend on nothing but the 8 bytes of a piece, at each alignment


def secret_part(credential: bytes, place: str) -> bytes:
    """What of a credential is secret: the password of a `basic` one ``user:password``, else all of it."""
    user, colon, password = credential.partition(b":")
    if place == "basic" and colon:
        return password or user
    return credential


def carries(credential: bytes, data: bytes | str) -> bool:
    """Whether `data` holds `credential`, or any piece of it, in one of the forms that this module's text lists."""
    return Sweep(credential).finds(data)


class Sweep:
    """`carries` for all that is looked at in one call: what of the credential to look for is worked out once."""

    def __init__(self, credential: bytes) -> None:
        self._credential = credential

    def __repr__(self) -> str:
        return "<sweep>"  # it holds the credential

    def finds(self, data: bytes | str) -> bool:
        text = data if isinstance(data, str) else _decode(data)
        if not self._credential or not text:
            return False
        if isinstance(data, bytes) and self._credential in data:
            return True  # bytes that are no text have no common form to compare
        return any(self._needles.stand_in(view) for view in disguises.views(text))

    @cached_property
    def _needles(self) -> "_Needles":
        return _Needles(self._credential)


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


# --- the common forms of both sides -----------------------------------------------------------------------------


def _digits64(text: str) -> str:
    """Base64 in one alphabet, without blanks and without case."""
    return re.sub(r"\s+", "", text).replace("-", "+").replace("_", "/").lower()


def _slices(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(len(text) - size + 1)}


def _tells(piece: str | bytes) -> bool:
    return len(set(piece)) >= _MIN_DIFFERENT


def _public_length(text: str) -> int:
    """How many characters of a credential are left out of the pieces; none where too little would stay."""
    prefix = _PUBLIC_PREFIX.match(text)
    if not prefix or len(text) - prefix.end() < PIECE:
        return 0
    return max(0, prefix.end() - PIECE + _BEYOND_PREFIX)


def _base64_core(raw: bytes, alignment: int) -> str:
    """The Base64 of `raw` behind `alignment` other bytes, without the characters that share bits with them."""
    encoded = base64.b64encode(bytes(alignment) + raw).decode("ascii")
    return encoded[-(-alignment * 8 // 6) : (alignment + len(raw)) * 8 // 6]


class _Needles:
    """What to look for: the wholes, and for each common form a set of pieces of one length."""

    def __init__(self, credential: bytes) -> None:
        text = _decode(credential)
        secret = text[_public_length(text) :]
        self.plain_wholes, self.bare_wholes = set[str](), {credential.hex()}
        self.plain, self.bare, self.hex, self.base64, self.bare_base64 = (set[str]() for _ in range(5))
        for form in (text, text[::-1], codecs.encode(text, "rot13")):
            self.plain_wholes.add(disguises.plain(form))
            self.bare_wholes.add(disguises.bare(disguises.plain(form)))
        for alignment in range(3):
            self.bare_wholes.add(disguises.bare(_base64_core(credential, alignment).lower()))
        self.plain_wholes.discard("")
        self.bare_wholes = {whole for whole in self.bare_wholes if len(whole) >= PIECE}
        for form in (secret, secret[::-1], codecs.encode(secret, "rot13")):
            self.plain |= set(filter(_tells, _slices(disguises.plain(form), PIECE)))
            self.bare |= set(filter(_tells, _slices(disguises.bare(disguises.plain(form)), PIECE)))
        for form in {secret, secret.upper(), secret.lower()}:
            for raw in {form.encode(), form[::-1].encode()}:
                self._add_encoded(raw)
        for encoded in (self.base64, self.hex):
            encoded |= {piece[::-1] for piece in encoded}

    def _add_encoded(self, raw: bytes) -> None:
        starts = [start for start in range(len(raw) - PIECE + 1) if _tells(raw[start : start + PIECE])]
        digits = raw.hex()
        self.hex.update(digits[2 * start : 2 * (start + PIECE)] for start in starts)
        for alignment in range(3):
            # A piece's own characters are the same in the whole, where they begin at its bits.
            encoded = base64.b64encode(bytes(alignment) + raw).decode("ascii").lower()
            for first in (alignment + start for start in starts):
                self.base64.add(encoded[-(-first * 8 // 6) : (first + PIECE) * 8 // 6])
            bare = disguises.bare(_base64_core(raw, alignment).lower())
            self.bare_base64.update(filter(_tells, _slices(bare, _BASE64_PIECE)))

    def stand_in(self, view: str) -> bool:
        plain = disguises.plain(view)
        bare = disguises.bare(plain)
        return (
            any(whole in plain for whole in self.plain_wholes)
            or any(whole in bare for whole in self.bare_wholes)
            or not self.plain.isdisjoint(_slices(plain, PIECE))
            or not self.bare.isdisjoint(_slices(bare, PIECE))
            or not self.hex.isdisjoint(_slices(bare, 2 * PIECE))
            or not self.hex.isdisjoint(_slices(bare.replace("0x", ""), 2 * PIECE))
            or not self.base64.isdisjoint(_slices(_digits64(view), _BASE64_PIECE))
            or not self.bare_base64.isdisjoint(_slices(bare, _BASE64_PIECE))
        )
