"""Heads of audit trails, kept where the database is not.

The chain alone does not show that its end was cut off together with its counter, that the whole database was put back
to an earlier day, or that somebody who had stolen a server key computed it anew. An anchor does: the number and the
hash of a row, `N:HASH`, noted while it was the last. `audit.verify` holds the chain against it.

Beat appends heads to a file once a day (`AUDIT_HEADS`), one a line:

    2026-01-31T03:00:00Z WORKSPACE-ID N:HASH key KEY-ID SLUG

The file is worth as much as the place it lies in: on the same disk it stops whoever can write the database alone.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tenants.models import AuditRow, Tenant

START = "0" * 64
EVERY = timedelta(days=1)
_ANCHOR = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


class BadAnchor(ValueError):
    def __init__(self) -> None:
        super().__init__("An anchor is N:HASH, as `audit head` prints it.")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row's number and hash, noted outside."""

    n: int
    hash: str

    def __str__(self) -> str:
        return f"{self.n}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Head(Anchor):
    """The last row, with the id of the server key that it was written under."""

    key_id: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file, about one workspace."""

    at: datetime
    anchor: Anchor


def head(tenant: Tenant) -> Head:
    """The trail's last row; 0 and `START` for a trail without rows."""
    row = AuditRow.objects.for_tenant(tenant).order_by("-n").values_list("n", "hash", "key_id").first()
    return Head(*row) if row else Head(0, START, 0)


def parse(text: str) -> Anchor:
    """Raises: BadAnchor."""
    found = _ANCHOR.fullmatch(text.strip().lower())
    if found is None:
        raise BadAnchor
    return Anchor(int(found[1]), found[2])


def lines(path: Path) -> Iterator[tuple[str, Line]]:
    """What the file tells: the id of a workspace, in hex, and its line. A line that was torn by a crash is passed over:
    whoever could write here to hide an anchor could as well have taken it out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            words = text.split()
            try:
                yield words[1], Line(datetime.fromisoformat(words[0]), parse(words[2]))
            except (IndexError, ValueError):
                continue


def anchors(path: Path, tenant: Tenant) -> list[Anchor]:
    """What the file tells of one workspace."""
    return [line.anchor for owner, line in lines(path) if owner == tenant.pk.hex]


def keep(path: Path, now: datetime) -> int:
    """Append the heads that moved, of workspaces whose last line is a day old; returns how many.

    Safe to call often and from several processes at once.

    Raises:
        OSError: the file cannot be written.
    """
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # or two beats would both find a day gone by
        last = dict(lines(path))
        due = [line for tenant in Tenant.objects.order_by("slug") if (line := _due(tenant, last, now))]
        file.write(("" if _ends_a_line(path) else "\n") + "".join(due) if due else "")
        file.flush()
        os.fsync(file.fileno())
    return len(due)


def _due(tenant: Tenant, last: dict[str, Line], now: datetime) -> str:
    """The line to append, if one is due."""
    before, found = last.get(tenant.pk.hex), head(tenant)
    if not found.n or (before and (str(before.anchor) == str(found) or before.at + EVERY > now)):
        return ""
    return f"{now:%Y-%m-%dT%H:%M:%SZ} {tenant.pk.hex} {found} key {found.key_id} {tenant.slug}\n"


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        return file.read(1) in (b"", b"\n")
