"""`manage.py audit verify [SLUG]`: walk the audit trail's chain."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from tenants import audit
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Verify the audit trail of one workspace, or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["verify"])
        parser.add_argument("slug", nargs="?", help="the workspace; all of them without it")

    def handle(self, *args: object, slug: str | None, **options: object) -> None:
        tenants = Tenant.objects.order_by("slug")
        if slug and not (tenants := tenants.filter(slug=slug)):
            raise CommandError(f"There is no workspace {slug!r}.")
        faults = 0
        for tenant in tenants:
            verdict = audit.verify(tenant)
            faults += verdict.fault is not None
            self.stdout.write(f"{tenant.slug}: {verdict.fault or f'{verdict.rows} rows hold, head {verdict.head}'}")
        if faults:
            raise CommandError(f"{faults} of {len(tenants)} trails do not hold.")
