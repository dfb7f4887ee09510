"""The one gate for every password, of an account and of a vault."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError

LONGEST = 1024
LEAST_SCORE = 3
# zxcvbn's cost grows with the square of the length: a long password is judged by its beginning, which can only
# make the verdict stricter.
_JUDGED = 72


class WeakPassword(ValueError):
    """The password is refused; the sentence says what to do and never repeats the password."""


def check(password: str, inputs: Iterable[str] = ()) -> None:
    """Refuse a guessable password.

    `inputs` are words that an attacker would try first: the e-mail address, the workspace's name. The estimate is
    zxcvbn's (Wheeler, USENIX Security 2016); a score of 3 means over 10^8 guesses.

    Raises:
        WeakPassword: with a sentence for the person.
    """
    from zxcvbn import zxcvbn  # its word lists take 13 MB, which a process that checks no password need not carry

    if len(password) > LONGEST:
        raise WeakPassword(f"Use at most {LONGEST} characters.")
    words = [part for word in inputs for part in _parts(word)]
    if not password or zxcvbn(password[:_JUDGED], user_inputs=words)["score"] < LEAST_SCORE:
        raise WeakPassword("This password is too easy to guess. Use four or more unrelated words, or let a password "
                           "manager make one.")  # fmt: skip


def _parts(word: str) -> list[str]:
    """The word, and the pieces of an e-mail address or name that people reuse."""
    return [word, *word.replace("@", " ").replace(".", " ").replace("-", " ").split()]


class StrengthValidator:
    """The gate as one of Django's password validators (AUTH_PASSWORD_VALIDATORS)."""

    def validate(self, password: str, user: object | None = None) -> None:
        try:
            check(password, [email] if (email := getattr(user, "email", "")) else [])
        except WeakPassword as weak:
            raise ValidationError(str(weak), code="password_too_weak") from None

    def get_help_text(self) -> str:
        return "Four or more unrelated words, or a password manager's suggestion."
