"""`manage.py tools load|list|try`: the tools of a workspace."""

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.http import Http404

from chat import ledger
from chat.models import ToolCall
from chat.tools import actions
from chat.tools.errors import InvalidTool
from tenants import access
from tenants.access import Principal

_MAX_FILE = 4 * 1024 * 1024
_POLL_SECONDS = 0.1
_LONGEST_WAIT = 180  # seconds; the longest timeout of a tool, and a minute for a worker to come


class Command(BaseCommand):
    help = "Load, list or try the tools of a workspace."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="action", required=True)
        load = commands.add_parser("load", help="make tools from a JSON file, all or nothing")
        show = commands.add_parser("list", help="the tools, one a line")
        attempt = commands.add_parser("try", help="call a tool by hand, through a worker")
        for command in (load, show, attempt):
            command.add_argument("slug", help="the workspace")
        load.add_argument("file", help='the tool file; "-" reads stdin')
        show.add_argument("--json", action="store_true", help="whole definitions, as a tool file")
        attempt.add_argument("name")
        attempt.add_argument("arguments", nargs="?", default="{}", help="as JSON")

    def handle(self, *args: object, action: str, slug: str, **options: Any) -> None:
        try:
            principal = access.for_slug(slug)
            {"load": self._load, "list": self._list, "try": self._try}[action](principal, options)
        except Http404 as absent:
            raise CommandError(str(absent)) from None
        except (InvalidTool, actions.NoSuchTool) as refused:
            raise CommandError(refused.sentence) from None

    def _load(self, principal: Principal, options: dict[str, Any]) -> None:
        loaded = actions.load_tools(principal.tenant, _read(options["file"]), actor=principal)
        self.stdout.write(f"Loaded {len(loaded)} tool{'' if len(loaded) == 1 else 's'}.")

    def _list(self, principal: Principal, options: dict[str, Any]) -> None:
        tools = actions.all_tools(principal.tenant)
        if options["json"]:
            self.stdout.write(json.dumps([one.as_data() for _, one in tools], indent=2, ensure_ascii=False))
            return
        for tool, one in tools:
            label = one.credential.label if one.credential else "-"
            state = "on" if tool.enabled else "off"
            self.stdout.write(f"{one.name}\t{state}\t{one.request.method} {one.host}\t{label}\t{one.approval}")

    def _try(self, principal: Principal, options: dict[str, Any]) -> None:
        call = _wait(actions.try_tool(principal.tenant, options["name"], options["arguments"], actor=principal))
        if call.result is None:
            raise CommandError("No worker has taken the call. Is the app running?")
        shown = {**call.result, "output": json.loads(call.result["output"])}
        self.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False))
        if shown["error"]:
            why = f": {shown['reason']}" if shown["reason"] else ""
            raise CommandError(f"The call ended with {shown['error']}{why}.")


def _read(name: str) -> object:
    try:
        text = sys.stdin.read(_MAX_FILE + 1) if name == "-" else Path(name).read_text(encoding="utf-8")
        if len(text) > _MAX_FILE:
            raise CommandError("The file is larger than 4 MB.")
        return json.loads(text)
    except OSError:
        raise CommandError(f"{name} cannot be read.") from None
    except (ValueError, RecursionError):
        raise CommandError(f"{name} is not JSON.") from None


def _wait(call: ToolCall) -> ToolCall:
    until = time.monotonic() + _LONGEST_WAIT
    while call.state in ledger.OPEN and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
        call.refresh_from_db()
    return call
