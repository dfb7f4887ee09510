"""The server keys: what the outer layer, leases, upstream keys and the audit chain are sealed under.

    # a comment, or an empty line
    2864434397:Zm9yIGV4YW1wbGUgb25seSwgbm90IGEga2V5IHRvIHU=
    17:b2xkZXIga2V5cyBzdGF5IGJlbG93LCByZWFkLW9ubHk=

One key a line: a number from 1 to 4294967295, a colon, 32 random bytes in base64 (either alphabet). The first is the
current one; the others still open what was sealed under them. `manage.py rotate_server_keys` puts a new line on top,
seals everything afresh, and takes a line away once nothing is sealed under it. `DENY_WEB_SERVER_KEYS` holds the same
(commas may stand for line ends), or `DENY_WEB_SERVER_KEYS_FILE` its path. With neither, the first start makes
`DATA_DIR/server_keys`, mode 0600.

Back the file up apart from the database: without it a backup opens nothing, beside it a backup is half open.
"""

import base64
import binascii
import logging
import os
import secrets
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from deny_web import env
from vault.errors import UnknownServerKey

NAME = "DENY_WEB_SERVER_KEYS"
_BYTES = 32
_LAST_ID = 2**32 - 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerKey:
    """One key and its number; the representation shows the number only."""

    id: int
    secret: bytes = field(repr=False)


class _Known(NamedTuple):
    """The keys as they were read, and what the file looked like then."""

    state: tuple[object, ...]
    keys: tuple[ServerKey, ...]


_known: _Known | None = None


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


def all() -> tuple[ServerKey, ...]:
    """Every configured key, the current one first. A file that changed is read again, so that a rotation needs no
    restart; while a changed file cannot be used, the keys of before hold.

    Raises:
        BadEnvironment: none, malformed, doubled, or readable by other users of the machine.
    """
    global _known
    known, state = _known, _state()
    if known is not None and known.state == state:
        return known.keys
    try:
        keys = _load()
    except env.BadEnvironment as wrong:
        if known is None:
            raise
        # A slip of an editor's must not take a running server down. Remembered, so that it is said once.
        _log.error("The server keys changed and cannot be used; those of before hold. %s", wrong)
        keys = known.keys
    _known = _Known(state, keys)
    return keys


def reload() -> None:
    """Read the keys again at the next use."""
    global _known
    _known = None


def file() -> Path | None:
    """The file that holds the keys here, or None when the environment gives them."""
    return None if NAME in os.environ or f"{NAME}_FILE" in os.environ else Path(settings.DATA_DIR) / "server_keys"


def add_line(line: str) -> None:
    """Put a line of the format on top of the file: the key becomes the current one. The file is whole at any moment.

    Raises:
        BadEnvironment: the keys are not in a file of ours, or it cannot be written.
    """
    path = _own_file()
    write(path, f"{line}\n{read(path)}")


def remove(key_ids: Collection[int]) -> None:
    """Take the keys of these numbers out of the file; never the current one. Raises as `add_line`."""
    path = _own_file()
    gone = set(key_ids) - {current().id}
    kept = [line for line in read(path).splitlines() if _number(line) not in gone]
    write(path, "\n".join(kept) + "\n")


def _number(line: str) -> int | None:
    number = line.strip().partition(":")[0]
    return int(number) if number.isdigit() else None


def _own_file() -> Path:
    path = file()
    if path is None:
        raise env.BadEnvironment(f"{NAME} gives the server keys; change them where it comes from.")
    return path


def _load() -> tuple[ServerKey, ...]:
    path = file()
    if path is None:
        return parse(env.text(NAME) or "", source=NAME)
    if not path.exists():
        _make(path)
    return parse(read(path), source=str(path))


def _state() -> tuple[object, ...]:
    """What tells that the keys may have changed, at the price of one look at the file."""
    if NAME in os.environ:
        return (os.environ[NAME],)
    path = os.environ.get(f"{NAME}_FILE") or os.path.join(settings.DATA_DIR, "server_keys")
    try:
        found = os.stat(path)
    except OSError:
        return (path,)
    return path, found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


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


def read(path: Path) -> str:
    """A file of keys that nobody else on the machine can open. Raises BadEnvironment."""
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise env.BadEnvironment(f"{path} can be opened by other users of this machine; run: chmod 600 {path}")
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise env.BadEnvironment(f"{path} cannot be read.") from None


def _make(path: Path) -> None:
    """Write the first key whole or not at all: the file appears under its name by a link, which fails if another
    process was first. A half-written key file that lasts would lose everything sealed before the restart."""
    try:
        draft = _draft(path, f"# deny_web server keys; the first is current. Keep a copy elsewhere.\n{new_line()}\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        finally:
            draft.unlink()
        _sync_folder(path.parent)
    except OSError:
        raise env.BadEnvironment(f"{path} cannot be written; set DATA_DIR to a writable directory.") from None


def write(path: Path, text: str) -> None:
    """Put a file of keys in place, whole or not at all, mode 0600. Raises BadEnvironment."""
    parse(text, source=str(path))  # never put a file in place that the next start could not read
    try:
        os.replace(_draft(path, text), path)
        _sync_folder(path.parent)
    except OSError:
        raise env.BadEnvironment(f"{path} cannot be written.") from None


def _draft(path: Path, text: str) -> Path:
    """`text` in a private file beside `path`, on the disk for good."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
