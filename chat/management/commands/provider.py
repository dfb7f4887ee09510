"""`manage.py provider set|list|remove|route SLUG …`: a workspace's upstreams and routes, the key on stdin."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.http import Http404

from chat.models import Provider
from chat.providers import actions, health, report, route_actions
from chat.providers.actions import Handling
from chat.providers.identity import Identity
from chat.providers.upstream import Timeouts
from tenants import access
from tenants.access import Principal
from tenants.rules import Refused
from vault.management.hardened import HardenedCommand

Kind = Provider.Kind
_WAITS = ("connect", "first-byte", "gap", "whole")


class Command(HardenedCommand):
    help = "Set, list, remove and route the upstreams of a workspace. A key is read from stdin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        one = acts.add_parser("set", help="make or change an upstream; the key on stdin, empty for none")
        show = acts.add_parser("list", help="the upstreams, then the routes, one a line")
        gone = acts.add_parser("remove", help="remove an upstream, its key, and routes that led to it alone")
        route = acts.add_parser("route", help="set which upstreams answer a pattern of models, or remove a route")
        for act in (one, show, gone, route):
            act.add_argument("slug")
        _add_settings(one)
        gone.add_argument("name")
        route.add_argument("pattern", help="such as gpt-*, openai/*, *")
        route.add_argument("names", nargs="*", help="upstreams in the order in which they are asked")
        route.add_argument("--remove", action="store_true")

    def handle(self, *args: Any, act: str, slug: str, **options: Any) -> None:
        try:
            acting = access.for_slug(slug)
            {"set": self._set, "list": self._list, "remove": self._remove, "route": self._route}[act](acting, options)
        except (Http404, Refused) as refused:
            raise CommandError(str(refused)) from None

    def _set(self, acting: Principal, options: dict[str, Any]) -> None:
        kind, key = _credential(options) or (Kind.BEDROCK if options["bedrock"] else Kind.RESPONSES, self._key())
        provider = actions.set_provider(
            acting=acting,
            kind=kind,
            name=options["name"],
            base_url=options["base_url"],
            model=options["model"],
            headers=dict(_header(line) for line in options["header"]),
            key=key or None,
            handling=_handling(acting, options),
        )
        for pattern in options["route"]:
            route_actions.add_route(pattern, [provider.name], acting=acting, extend=True)
        self.stdout.write(f"{acting.tenant.slug}: {provider.base_url}, key {report.has_key(provider)}")

    def _key(self) -> str:
        if sys.stdin.isatty():
            self.stderr.write("Type the key and press Enter (empty for none):")
        return sys.stdin.readline().strip()

    def _list(self, acting: Principal, options: dict[str, Any]) -> None:
        rows = actions.stored(acting.tenant)
        troubles = health.known(rows)
        for row in rows:
            state = report.state(row, troubles.get(row.name))
            words = (row.name, row.kind, row.base_url or "-", row.model or "-", f"key {report.has_key(row)}", state)
            self.stdout.write("\t".join(words))
        for pattern, names in route_actions.stored(acting.tenant):
            self.stdout.write(f"{pattern} → {', '.join(names)}")

    def _remove(self, acting: Principal, options: dict[str, Any]) -> None:
        actions.remove_provider(acting=acting, name=options["name"])
        self.stdout.write(f"{options['name']} is removed, with its key.")

    def _route(self, acting: Principal, options: dict[str, Any]) -> None:
        if options["remove"]:
            route_actions.remove_route(options["pattern"], acting=acting)
            self.stdout.write(f"The route for {options['pattern']} is removed.")
        else:
            route_actions.add_route(options["pattern"], options["names"], acting=acting)
            self.stdout.write(f"{options['pattern']} → {', '.join(options['names'])}")


def _add_settings(parser: ArgumentParser) -> None:
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--name", default="default", help="which upstream; 'default' unless given")
    parser.add_argument("--model", default="", help="for requests that name none")
    parser.add_argument("--header", action="append", default=[], metavar="'K: V'")
    parser.add_argument("--map", action="append", default=[], metavar="A=B", help="clients' name A is the upstream's B")
    parser.add_argument("--only-mapped", action="store_true", help="take no model that is not mapped")
    parser.add_argument("--route", action="append", default=[], metavar="PATTERN", help="add it behind this route")
    parser.add_argument("--bedrock", action="store_true", help="Amazon Bedrock; the key is a Bedrock API key")
    parser.add_argument("--workload-identity", nargs=2, metavar=("PROVIDER_ID", "ACCOUNT_ID"), help="no key")
    parser.add_argument("--token-file", default="", help="with --workload-identity: the token that is exchanged")
    parser.add_argument("--exchange-url", default="", help="with --workload-identity: OpenAI's unless given")
    for wait in _WAITS:
        parser.add_argument(f"--{wait}-seconds", type=float)


def _credential(options: dict[str, Any]) -> tuple[Kind, str] | None:
    """What stands in a key's place, if no key is read."""
    if not options["workload_identity"]:
        return None
    if options["bedrock"] or not options["token_file"]:
        raise CommandError("--workload-identity takes --token-file, and not --bedrock.")
    provider_id, account_id = options["workload_identity"]
    return Kind.IDENTITY, Identity(provider_id, account_id, options["token_file"], options["exchange_url"]).as_key()


def _handling(acting: Principal, options: dict[str, Any]) -> Handling:
    """What is given; what is not stays as it is stored."""
    try:
        row = actions.find(acting.tenant, options["name"])
    except Refused:
        row = Provider()
    names = dict(_pair(pair) for pair in options["map"]) or row.names
    stored = (row.connect_seconds, row.first_byte_seconds, row.gap_seconds, row.whole_seconds)
    given = (options[f"{wait.replace('-', '_')}_seconds"] for wait in _WAITS)
    waits: Any = (now if now is not None else before for now, before in zip(given, stored, strict=True))
    return Handling(names, options["only_mapped"] or row.only_mapped, Timeouts(*waits))


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise CommandError("--header takes 'Name: value'.")
    return name.strip(), value.strip()


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError("--map takes A=B: the name that clients use, and the upstream's.")
    return name.strip(), value.strip()
