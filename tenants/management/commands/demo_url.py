"""`manage.py demo_url`: a fresh one-time address of the demo workspace."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tenants import demo


class Command(BaseCommand):
    help = "Print an address that opens the demo workspace once, within 15 minutes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base-url", default="", help="where the web server listens; else from HOST and PORT")

    def handle(self, *args: object, base_url: str, **options: object) -> None:
        host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
        try:
            self.stdout.write(demo.one_time_url(base_url or f"http://{host}:{settings.PORT}"))
        except demo.DemoOff as off:
            raise CommandError(str(off)) from None
