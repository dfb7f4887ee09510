"""The server keys: what the outer layer, leases, upstream keys and the audit chain are sealed under.

    # a comment, or an empty line
    2864434397:Zm9yIGV4YW1wbGUgb25seSwgbm90IGEga2V5IHRvIHU=
    17:b2xkZXIga2V5cyBzdGF5IGJlbG93LCByZWFkLW9ubHk=

One key a line: a number from 1 to 4294967295, a colon, 32 random bytes in base64 (either alphabet). The first is the
current one; the others still open what was sealed under them. To rotate, put a new line on top and restart; a line may
go once nothing is sealed under it. `DENY_WEB_SERVER_KEYS` holds the same (commas may stand for line ends), or
`DENY_WEB_SERVER_KEYS_FILE` its path. With neither, the first start makes `DATA_DIR/server_keys`, mode 0600.

Back the file up apart from the database: without it a backup opens nothing, beside it a backup is half open.
"""

import base64
import binascii
import os
import secrets
import stat
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.conf import settings

from deny_web import env
from vault.errors import UnknownServerKey

NAME = "DENY_WEB_SERVER_KEYS"
_BYTES = 32
_LAST_ID = 2**32 - 1


@dataclass(frozen=True, slots=True)
class ServerKey:
    """One key and its number; the representation shows the number only."""

    id: int
    secret: bytes = field(repr=False)


def current() -> ServerKey:
    """The key that everything new is sealed under."""
    return all()[0]


def by_id(key_id: int) -> ServerKey:
    """The key of this number.

    Raises:
        UnknownServerKey: it is not configured (any more); also a LookupError.
    """
    for key in all():
        if key.id == key_id:
            return key
    raise UnknownServerKey


@cache
def all() -> tuple[ServerKey, ...]:
    """Every configured key, the current one first. Read once in a process; `reload` forgets it.

    Raises:
        BadEnvironment: none, malformed, doubled, or readable by other users of the machine.
    """
    given = env.text(NAME)
    if given is not None:
        return parse(given, source=NAME)
    path = Path(settings.DATA_DIR) / "server_keys"
    if not path.exists():
        _make(path)
    return parse(_read(path), source=str(path))


def reload() -> None:
    """Read the keys again at the next use."""
    all.cache_clear()


def new_line() -> str:
    """A fresh key in the file's format. Its number is random, so that a lost file is not mistaken for its successor."""
    return f"{1 + secrets.randbelow(_LAST_ID)}:{base64.b64encode(secrets.token_bytes(_BYTES)).decode()}"


def parse(text: str, *, source: str) -> tuple[ServerKey, ...]:
    """The keys in `text`; `source` names it in the error, which never shows the text."""
    lines = [line.strip() for line in text.replace(",", "\n").splitlines()]
    keys = tuple(_parse_line(line, source) for line in lines if line and not line.startswith("#"))
    if not keys:
        raise env.BadEnvironment(f"{source} holds no server key.")
    if len({key.id for key in keys}) != len(keys):
        raise env.BadEnvironment(f"{source} gives two server keys the same number.")
    return keys


def _parse_line(line: str, source: str) -> ServerKey:
    number, _, secret = line.partition(":")
    standard = secret.strip().replace("-", "+").replace("_", "/")
    try:
        key = ServerKey(int(number), base64.b64decode(standard, validate=True))
    except (ValueError, binascii.Error):
        raise env.BadEnvironment(f"{source} has a line that is not NUMBER:BASE64.") from None
    if not 1 <= key.id <= _LAST_ID or len(key.secret) != _BYTES:
        raise env.BadEnvironment(f"{source} has a key that is not 32 bytes, or whose number is not 1 to {_LAST_ID}.")
    return key


def _read(path: Path) -> str:
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise env.BadEnvironment(f"{path} can be opened by other users of this machine; run: chmod 600 {path}")
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise env.BadEnvironment(f"{path} cannot be read.") from None


def _make(path: Path) -> None:
    """Write the first key whole or not at all: the file appears under its name by a link, which fails if another
    process was first. A half-written key file that lasts would lose everything sealed before the restart."""
    draft = path.with_name(f".server_keys.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write("# deny_web server keys; the first is current. Keep a copy elsewhere.\n")
            file.write(new_line() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        finally:
            draft.unlink()
        _sync_folder(path.parent)
    except OSError:
        raise env.BadEnvironment(f"{path} cannot be written; set DATA_DIR to a writable directory.") from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
