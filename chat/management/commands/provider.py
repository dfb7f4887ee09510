"""`manage.py provider set SLUG --base-url URL [--model M] [--header 'K: V']…`, the key on stdin."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.http import Http404

from chat.models import Provider
from chat.providers.actions import set_provider
from tenants import access
from tenants.rules import Refused


class Command(BaseCommand):
    help = "Point a workspace at an upstream that speaks the Responses API. The key is read from stdin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        one = acts.add_parser("set", help="set the upstream; the key on stdin, empty for none")
        one.add_argument("slug")
        one.add_argument("--base-url", required=True)
        one.add_argument("--model", default="")
        one.add_argument("--header", action="append", default=[], metavar="'K: V'")

    def handle(self, *args: Any, **options: Any) -> None:
        if sys.stdin.isatty():
            self.stderr.write("Type the key and press Enter (empty for none):")
        key = sys.stdin.readline().strip()
        try:
            provider = set_provider(
                acting=access.for_slug(options["slug"]),
                kind=Provider.Kind.RESPONSES,
                base_url=options["base_url"],
                model=options["model"],
                headers=dict(_header(line) for line in options["header"]),
                key=key or None,
            )
        except (Http404, Refused) as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{options['slug']}: {provider.base_url}, key {'set' if provider.sealed_key else 'not set'}")


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise CommandError("--header takes 'Name: value'.")
    return name.strip(), value.strip()
