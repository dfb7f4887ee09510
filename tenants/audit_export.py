"""The audit trail as a file: JSON, with all that its chain is computed from, or CSV, for a spreadsheet.

The rows are read in pieces by their number, so that a long trail costs no memory, and rows that are written meanwhile
are left for the next export. JSON is one document:

    {"format": "deny-web/audit/1", "workspace": {"id", "slug"}, "exported_at", "filter": {…},
     "head": {"n", "hash", "key_id"},
     "rows": [{"n", "at", "actor", "verb", "subject", "detail", "key_id", "prev_hash", "hash"}, …]}

Whoever has the audit key of a row's `key_id` computes its hash as `tenants.audit` says; whoever has none sees that the
rows are linked, and compares a row with an anchor.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator

from django.utils import timezone

from deny_web import db
from tenants import audit, audit_heads
from tenants.audit_rows import Wanted, matching
from tenants.models import AuditRow, Tenant

FORMAT = "deny-web/audit/1"
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
CHUNK = 500  # rows
_COLUMNS = ("n", "at", "actor", "verb", "subject", "detail", "key_id", "prev_hash", "hash")
# Spreadsheets run a cell that begins so as a formula: OWASP, "CSV Injection".
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Export:
    """One export, up to the row that was last when it was made. Take `pieces()` or `apieces()`, once."""

    def __init__(self, tenant: Tenant, wanted: Wanted, kind: str, *, allowed: Callable[[], object] = bool) -> None:
        """`allowed` is asked before each chunk and raises where the reader may no longer read."""
        self._tenant, self._wanted, self._kind, self._allowed = tenant, wanted, kind, allowed
        self._head = audit_heads.head(tenant)
        self._first = True

    def pieces(self) -> Iterator[str]:
        yield self._begin()
        after: int | None = 0
        while after is not None:
            text, after = self._chunk(after)
            yield text
        yield self._end()

    async def apieces(self) -> AsyncIterator[str]:
        yield self._begin()
        after: int | None = 0
        while after is not None:
            text, after = await db.run(self._chunk, after)
            yield text
        yield self._end()

    def _chunk(self, after: int) -> tuple[str, int | None]:
        """The next rows as text, and the number to go on from, if there are more."""
        self._allowed()
        rows = matching(self._tenant, self._wanted).filter(n__gt=after, n__lte=self._head.n).order_by("n")
        found = list(rows[:CHUNK])
        text = self._lines(found) if self._kind == "csv" else self._objects(found)
        return text, found[-1].n if len(found) == CHUNK else None

    def _begin(self) -> str:
        if self._kind == "csv":
            return ",".join(_COLUMNS) + "\r\n"
        head = {
            "format": FORMAT,
            "workspace": {"id": self._tenant.pk.hex, "slug": self._tenant.slug},
            "exported_at": timezone.now().isoformat(),
            "filter": self._wanted.told(),
            "head": {"n": self._head.n, "hash": self._head.hash, "key_id": self._head.key_id},
        }
        return json.dumps(head, ensure_ascii=False)[:-1] + ', "rows": ['

    def _end(self) -> str:
        return "" if self._kind == "csv" else "\n]}\n"

    def _lines(self, rows: list[AuditRow]) -> str:
        text = io.StringIO()
        csv.writer(text).writerows([_cell(value) for value in _values(row)] for row in rows)
        return text.getvalue()

    def _objects(self, rows: list[AuditRow]) -> str:
        lines = [json.dumps(dict(zip(_COLUMNS, _values(row), strict=True)), ensure_ascii=False) for row in rows]
        comma, self._first = ("" if self._first else ","), self._first and not rows
        return f"{comma}\n" + ",\n".join(lines) if lines else ""


def _values(row: AuditRow) -> list[object]:
    return [audit.time_of(row) if name == "at" else getattr(row, name) for name in _COLUMNS]


def _cell(value: object) -> object:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
