"""What lies at rest: every row of the vault and the audit trail as stored, and the database's files byte for byte."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection

Row = dict[str, Any]


@dataclass(frozen=True)
class Dump:
    """One look at the disk. Tables hold their rows in the order in which they lie there."""

    tables: dict[str, list[Row]]
    file: bytes
    journal: bytes

    @property
    def header(self) -> Row:
        return self.tables["vault_vaultheader"][0]

    @property
    def entries(self) -> list[Row]:
        """The entries in the order of their labels."""
        return sorted(self.tables["vault_vaultentry"], key=lambda row: str(row["label"]))


def take(path: Path, *, files: bool = True) -> Dump:
    """A dump of the database in use, which lies at `path`."""
    names = [name for name in connection.introspection.table_names() if name.startswith("vault_")]
    tables = {name: _rows(name) for name in [*sorted(names), "tenants_auditrow"]}
    journal = Path(f"{path}-wal")
    if not files:
        return Dump(tables, b"", b"")
    return Dump(tables, path.read_bytes(), journal.read_bytes() if journal.exists() else b"")


def _rows(table: str) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT rowid AS "at", * FROM "{table}" ORDER BY rowid')
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
