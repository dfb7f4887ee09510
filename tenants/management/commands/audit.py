"""`manage.py audit …`: verify the audit trails' chains, print their heads, export one."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tenants import audit, audit_heads
from tenants.audit_export import TYPES, Export
from tenants.audit_heads import Anchor, BadAnchor
from tenants.audit_rows import Wanted
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Verify the audit trail of one workspace, or of all; print heads to anchor elsewhere; export a trail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="action", required=True, metavar="ACT")
        for name, text in _HELP.items():
            act = acts.add_parser(name, help=text, description=text)
            some = {} if name == "export" else {"nargs": "?"}
            act.add_argument("slug", metavar="SLUG", help="the workspace; all of them without it", **some)  # type: ignore[arg-type]
            if name == "verify":
                act.add_argument("--anchor", action="append", default=[], metavar="N:HASH", help="a head noted earlier")
                act.add_argument("--anchors", type=Path, metavar="FILE", help="a copy of the heads' file")
            if name == "export":
                act.add_argument("--format", choices=TYPES, default="json", dest="kind")
                for field in ("verb", "actor", "subject"):
                    act.add_argument(f"--{field}", default="")
                for field in ("since", "until"):
                    act.add_argument(f"--{field}", type=date.fromisoformat, metavar="YYYY-MM-DD")

    def handle(self, *args: Any, action: str, slug: str | None, **options: Any) -> None:
        tenants = list(Tenant.objects.filter(**({"slug": slug} if slug else {})).order_by("slug"))
        if slug and not tenants:
            raise CommandError(f"There is no workspace {slug!r}.")
        getattr(self, f"_{action}")(tenants, **options)

    def _verify(self, tenants: list[Tenant], *, anchor: list[str], anchors: Path | None, **_: Any) -> None:
        if anchor and len(tenants) != 1:
            raise CommandError("Say which workspace the anchor is of.")
        files = [Path(settings.AUDIT_HEADS), *([anchors] if anchors else [])]
        if anchors and not anchors.exists():
            raise CommandError(f"There is no file {anchors}.")
        given, faults = _parsed(anchor), 0
        for tenant in tenants:
            known = [*given, *(one for file in files for one in audit_heads.anchors(file, tenant))]
            verdict = audit.verify(tenant, known)
            faults += verdict.fault is not None
            good = f"{verdict.rows} rows hold, head {verdict.head}, {len(known)} anchors"
            self.stdout.write(f"{tenant.slug}: {verdict.fault or good}")
        if faults:
            raise CommandError(f"{faults} of {len(tenants)} trails do not hold.")

    def _head(self, tenants: list[Tenant], **_: Any) -> None:
        for tenant in tenants:
            found = audit_heads.head(tenant)
            self.stdout.write(f"{tenant.slug} {found} key {found.key_id}")

    def _export(self, tenants: list[Tenant], *, kind: str, **options: Any) -> None:
        wanted = Wanted(**{name: options[name] for name in Wanted.__dataclass_fields__})
        audit.record(tenants[0], "audit.export", actor="operator", detail={"format": kind, **wanted.told()})
        for piece in Export(tenants[0], wanted, kind).pieces():
            sys.stdout.write(piece)


_HELP = {
    "verify": "walk the chain, and hold it against the heads that beat noted and those given",
    "head": "print number, hash and key of the last row, to be noted elsewhere and given to verify",
    "export": "write the trail to stdout; the export is itself a row of it",
}


def _parsed(texts: Iterable[str]) -> list[Anchor]:
    try:
        return [audit_heads.parse(text) for text in texts]
    except BadAnchor as error:
        raise CommandError(str(error)) from None
