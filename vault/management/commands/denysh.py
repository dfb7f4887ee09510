"""`manage.py denysh …`: items for deny.sh's clients, from the command line. Secrets come from stdin and environment."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.http import Http404

from deny_web import env
from tenants import access
from tenants.access import Principal
from tenants.rules import Refused
from vault.denysh import items, sealing, server
from vault.errors import CredentialNotFound, VaultError
from vault.management.hardened import HardenedCommand


class Command(HardenedCommand):
    help = (
        "Keep items for deny.sh's clients. DENY_VAULT_PASSWORD is the password that they are sealed under, and that a "
        "client gives to vault_get."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        for name, (words, text) in _ACTS.items():
            act = acts.add_parser(name, help=text, description=text)
            act.add_argument("slug", metavar="SLUG", help="the workspace")
            for word in words:
                act.add_argument(word, metavar=word.upper())

    def handle(self, *args: Any, act: str, slug: str, **options: Any) -> None:
        try:
            getattr(self, f"_{act}")(access.for_slug(slug), **options)
        except CredentialNotFound:
            raise CommandError("There is no such item; `denysh list` shows the ids.") from None
        except (VaultError, Refused, Http404) as refusal:
            raise CommandError(str(refusal)) from None

    def _put(self, who: Principal, *, label: str, **_: Any) -> None:
        password = _secret("DENY_VAULT_PASSWORD")
        value = sys.stdin.buffer.read(sealing.LONGEST + 2).removesuffix(b"\n")
        self.stdout.write(str(items.put(label, value, password, acting=who).pk))

    def _list(self, who: Principal, **_: Any) -> None:
        for item in items.newest(who.tenant):
            self.stdout.write(f"{item.pk}  {item.created_at:%Y-%m-%d %H:%M:%S} UTC  {item.label}")

    def _delete(self, who: Principal, *, id: str, **_: Any) -> None:
        items.delete(id, acting=who)

    def _connect(self, who: Principal, *, url: str, **_: Any) -> None:
        server.connect(url, key=_secret("DENY_API_KEY"), password=_secret("DENY_VAULT_PASSWORD"), acting=who)

    def _disconnect(self, who: Principal, **_: Any) -> None:
        if not server.disconnect(acting=who):
            raise CommandError(f"{who.tenant.slug} names no deny.sh server.")


def _secret(name: str) -> str:
    value = env.text(name)
    if value is None:
        raise CommandError(f"Set {name} (or {name}_FILE) in the environment.")
    return value


_ACTS = {
    "put": (("label",), "seal the value on stdin and keep it under LABEL; prints the item's id"),
    "list": ((), "print the items, the newest first: id, time, label"),
    "delete": (("id",), "remove the item of this ID"),
    "connect": (
        ("url",),
        "let tools take their credentials from the deny.sh server at URL (up to and including /api) instead of the "
        "vault here; DENY_API_KEY is its key",
    ),
    "disconnect": ((), "let tools take them from the vault here again"),
}
