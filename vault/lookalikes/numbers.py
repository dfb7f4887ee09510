"""Numbers of accounts, papers and people whose own rules deny.sh's generator does not follow to the end."""

import secrets

from vault.lookalikes.alphabets import BASE62, DIGITS, UPPER, draw, luhn, numbered

_COUNTRIES = ("AT", "CH", "DE", "ES", "FR", "GB", "IE", "IT", "NL", "SE", "US")  # ISO 3166-1
_BANKS = ("BARC", "HBUK", "LOYD", "NWBK", "MIDL")  # the first four of their BICs
_DIALLING = ("1", "31", "33", "34", "39", "41", "43", "44", "46", "49")  # E.164
_LETTERS_AND_DIGITS = BASE62[:36]


def iban() -> str:
    """ISO 13616, of the United Kingdom: a bank's four letters and fourteen digits, check digits by ISO 7064."""
    body = secrets.choice(_BANKS) + draw(DIGITS, 14)
    check = 98 - int(numbered(body + "GB00")) % 97
    return f"GB{check:02}{body}"


def credit_card() -> str:
    """ISO/IEC 7812: sixteen digits of Visa's range."""
    body = "4" + draw(DIGITS, 14)
    return body + luhn(body)


def isin() -> str:
    """ISO 6166: a country, nine characters, a check digit."""
    body = secrets.choice(_COUNTRIES) + draw(_LETTERS_AND_DIGITS, 9)
    return body + luhn(numbered(body))


def bic() -> str:
    """ISO 9362: a bank, its country, its place, its branch."""
    return draw(UPPER, 4) + secrets.choice(_COUNTRIES) + draw(_LETTERS_AND_DIGITS, 2) + draw(_LETTERS_AND_DIGITS, 3)


def phone() -> str:
    """E.164, of a country that has the code."""
    return f"+{secrets.choice(_DIALLING)}{secrets.choice('23456789')}{draw(DIGITS, 8)}"


def social_security_number() -> str:
    """Of the United States, whose areas 000, 666 and from 900 on are never given out."""
    area = secrets.choice([number for number in range(1, 900) if number != 666])
    return f"{area:03}-{1 + secrets.randbelow(99):02}-{1 + secrets.randbelow(9999):04}"


def national_insurance_number() -> str:
    """Of the United Kingdom, without the prefixes that are not allocated (HMRC, NIM39110)."""
    while True:
        prefix = secrets.choice("ABCEGHJKLMNOPRSTWXYZ") + secrets.choice("ABCEGHJKLMNPRSTWXYZ")
        if prefix not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}:
            return prefix + draw(DIGITS, 6) + secrets.choice("ABCD")
