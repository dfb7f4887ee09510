"""Everything the vault refuses, as one tree.

VaultError                 the base; `str()` is a sentence for a person and never carries a secret
├── WrongPassword          the password opens no compartment (also what a typo gets)
├── NoVault                the workspace has no vault password yet
├── VaultExists            it has one already
├── VaultLocked            no lease, or another one than the call was made under
├── CredentialNotFound     no such label
│   └── NoValue            the label is there, but holds no value under this password
├── Damaged                what is stored is not what was written: the outer layer failed
│   └── UnknownServerKey   …because the server key it was sealed under is not here
├── Busy                   too many key derivations at once, or the row changed meanwhile: try again
│   └── TooManyTries       this person or address tried too often
├── Unavailable            Valkey, which holds the lease, does not answer
├── SourceFailed           the deny.sh server that holds the workspace's credentials gives none
└── Refused                the input cannot be used; the sentence says why
    ├── InvalidPassword
    ├── InvalidLabel
    ├── InvalidValue
    ├── Full               the workspace has as many sealed items as it may have
    └── NoRoom             all eight compartments are named as survivors
"""


class VaultError(Exception):
    """The base. `code` is the short name that tools and JSON clients see, `status` the HTTP status."""

    sentence = "The vault refused."
    code = "vault_refused"
    status = 400

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)


class WrongPassword(VaultError):
    sentence = "This password opens nothing here. Nothing was changed."
    code = "wrong_password"
    status = 403


class NoVault(VaultError):
    sentence = "This workspace has no vault password yet. Set one first."
    code = "no_vault"
    status = 409


class VaultExists(VaultError):
    sentence = "This workspace has a vault password already."
    code = "vault_exists"
    status = 409


class VaultLocked(VaultError):
    sentence = "The vault is locked. Unlock it to let tools work."
    code = "vault_locked"
    status = 409


class CredentialNotFound(VaultError):
    sentence = "There is no such label in the vault."
    code = "credential_not_found"
    status = 404


class NoValue(CredentialNotFound):
    sentence = "This label holds no value under this password."


class Damaged(VaultError):
    sentence = "The stored row is damaged: it is not what this server wrote. Restore it from a backup."
    code = "damaged"
    status = 500


class UnknownServerKey(Damaged, LookupError):
    sentence = "The server key that this row was sealed under is missing. Add it to the server keys again."
    code = "unknown_server_key"


class Busy(VaultError):
    sentence = "The vault is busy. Nothing was changed; try again in a moment."
    code = "busy"
    status = 429
    retry_after = 2  # seconds


class TooManyTries(Busy):
    sentence = "Too many tries. Wait a minute, then try again."
    code = "too_many_tries"
    retry_after = 60


class Unavailable(VaultError):
    sentence = "The vault's memory (Valkey) does not answer. Nothing was unlocked; try again in a moment."
    code = "unavailable"
    status = 503


class SourceFailed(VaultError):
    sentence = "The deny.sh server gave no usable answer."
    code = "upstream_error"
    status = 502


class Refused(VaultError):
    code = "invalid"


class InvalidPassword(Refused):
    sentence = "Enter the vault password."


class InvalidLabel(Refused):
    sentence = "This label cannot be used."


class InvalidValue(Refused):
    sentence = "This value cannot be stored."


class NoRoom(Refused):
    sentence = "A vault has eight compartments, and all eight are named to survive: there is no room for another."


class Full(Refused):
    code = "full"
    status = 409
