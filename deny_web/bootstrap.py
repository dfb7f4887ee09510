"""What a start needs Django for, in a process of its own: `python -m deny_web.bootstrap [prepare] [address URL]`.

`prepare` makes the server keys and migrates; `address` prints the address to open, which on a loopback host with the
demo on carries a one-time token.
"""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deny_web.settings")

import django
from django.conf import settings

_MIGRATING = 0x64656E79  # names the advisory lock on PostgreSQL; any number that nothing else takes


def prepare() -> None:
    """Make the keys and bring the database to this code's migrations; two of these at once do it once."""
    from django.core.management import call_command
    from django.db import connection

    from deny_web import migrated
    from vault import server_keys

    server_keys.current()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATING])
        call_command("migrate", interactive=False, verbosity=0)
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATING])
    if connection.vendor == "sqlite":
        migrated.remember(settings.DATA_DIR)


def address(base_url: str) -> str:
    """The one address to print for a server on `base_url`."""
    from tenants import demo

    try:
        return demo.one_time_url(base_url)
    except demo.DemoOff:
        return base_url + "/"


def main(arguments: list[str]) -> None:
    django.setup()
    if "prepare" in arguments:
        prepare()
    if "address" in arguments:
        print(address(arguments[arguments.index("address") + 1]))


if __name__ == "__main__":
    main(sys.argv[1:])
