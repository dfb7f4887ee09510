"""What a label may be. Labels are public: they say what a credential is for."""

import unicodedata

from vault.errors import CredentialNotFound, InvalidLabel

LONGEST = 200  # characters
# Letters, digits, punctuation and symbols of every script: a label needs one, or nobody would see it. Joiners and
# accents are part of how some scripts are written, and alone they are nothing.
_VISIBLE = frozenset("LNPS")
# Control signs, halves of surrogate pairs, and the two that break lines.
_INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BLANK = frozenset("\u115f\u1160\u3164\uffa0")  # fillers of Hangul, which are letters and show nothing
# Signs that turn the text around them: a label would read as another one ("Trojan Source", Boucher 2021).
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(label: str) -> str:
    """The label as a new entry stores it: composed (NFC), because keyboards differ in how they send an accent.

    Raises:
        InvalidLabel: with the reason.
    """
    label = unicodedata.normalize("NFC", label)
    if not any(unicodedata.category(sign)[0] in _VISIBLE for sign in label if sign not in _BLANK):
        raise InvalidLabel("Give the value a label, such as stripe-prod.")
    if any(unicodedata.category(sign) in _INVISIBLE or sign in _TURNING for sign in label):
        raise InvalidLabel("A label is one line of visible characters.")
    if label != label.strip():
        raise InvalidLabel("A label does not begin or end with a blank.")
    if len(label) > LONGEST:
        raise InvalidLabel(f"A label has at most {LONGEST} characters.")
    return label


def known(label: str) -> str:
    """The label as an entry may have it.

    Raises:
        CredentialNotFound: no entry can have it; a database may choke on such a text.
    """
    try:
        return clean(label)
    except InvalidLabel:
        raise CredentialNotFound from None
