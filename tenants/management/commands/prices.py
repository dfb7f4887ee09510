"""`manage.py prices load|list`: what a workspace pays for a model's tokens."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.http import Http404

from tenants import access, money, prices
from tenants.access import Principal
from tenants.models import Price
from tenants.rules import Refused


class Command(BaseCommand):
    help = "Load or list a workspace's own prices, in US dollars per million tokens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="action", required=True)
        load = commands.add_parser("load", help="set prices from a JSON file, all or nothing")
        show = commands.add_parser("list", help="the workspace's own prices, one a line")
        for command in (load, show):
            command.add_argument("slug", help="the workspace")
        load.add_argument("file", help='the price file; "-" reads stdin')

    def handle(self, *args: object, action: str, slug: str, **options: Any) -> None:
        try:
            principal = access.for_slug(slug)
            if action == "load":
                self._load(principal, options["file"])
            else:
                self._list(principal)
        except Http404 as absent:
            raise CommandError(str(absent)) from None
        except Refused as refused:
            raise CommandError(str(refused)) from None

    def _load(self, principal: Principal, file: str) -> None:
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from None
        found = prices.parse(text)
        prices.change(found, acting=principal)
        self.stdout.write(f"Set {len(found)} price{'' if len(found) == 1 else 's'}.")

    def _list(self, principal: Principal) -> None:
        for row in Price.objects.for_tenant(principal.tenant).order_by("model"):
            cached = row.input if row.cached_input is None else row.cached_input
            told = (money.dollars(money.nano(value)) for value in (row.input, cached, row.output))
            self.stdout.write("\t".join((row.model, *told)))
